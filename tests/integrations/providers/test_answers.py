"""What the hooks make of recorded answers: RFC 6749's, whatever the provider sends."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from app.integrations.providers import providers
from app.integrations.spec import Provider, Refused
from app.oauth.tokens import TokenSet
from tests.integrations.providers.recorded import recorded, token_answer

_NONSENSE: tuple[Any, ...] = (
    None, [], {}, "text", 7, [[]], [None], [{"id": 7}], {"dc": ["us1"]}, {"data": []}, {"user": None},
)  # fmt: skip
NOW = datetime(2026, 11, 21, tzinfo=UTC)
WITH_OAUTH = [provider for provider in providers().values() if provider.oauth]
of_each = pytest.mark.parametrize("provider", WITH_OAUTH, ids=lambda provider: provider.slug)


def as_standard(answer: dict[str, Any]) -> TokenSet:
    """Return the tokens of an answer that is one by RFC 6749 §5.1, to the letter."""
    assert isinstance(answer["access_token"], str)
    assert answer["access_token"]
    assert answer["token_type"].lower() == "bearer"
    assert isinstance(answer.get("refresh_token", ""), str)
    if "expires_in" in answer:
        assert type(answer["expires_in"]) is int
        assert answer["expires_in"] > 0
    scope = answer.get("scope", "")
    assert scope == " ".join(scope.split())
    assert "error" not in answer
    return TokenSet.parse(answer, asked_at=NOW)


@of_each
def test_recorded_tokens_are_read(provider: Provider) -> None:
    fixture = recorded(provider)
    assert provider.oauth is not None
    answer = token_answer(provider, fixture["token"])

    tokens = as_standard(dict(answer))

    assert tokens.access_token == "made-up-access-token"
    assert not provider.oauth.has_refresh_tokens or tokens.refresh_token == "made-up-refresh-token"
    for name in provider.oauth.answer_names:
        assert isinstance(tokens.extras[name], str)


@of_each
def test_recorded_refresh_is_read_and_keeps_what_it_leaves_out(provider: Provider) -> None:
    fixture = recorded(provider)
    assert provider.oauth is not None
    if not provider.oauth.has_refresh_tokens:
        assert fixture["refresh"] is None
        return
    before = as_standard(dict(token_answer(provider, fixture["token"])))

    after = as_standard(dict(token_answer(provider, fixture["refresh"]))).merged_into(before)

    assert after.access_token == "made-up-access-token-2"
    assert after.refresh_token is not None
    assert (after.refresh_token != before.refresh_token) or not provider.oauth.rotates
    for name in provider.oauth.answer_names:
        assert after.extras[name] == before.extras[name]


@of_each
def test_recorded_error_is_refused_with_the_standards_name(provider: Provider) -> None:
    answer, code = (recorded(provider)["error"][name] for name in ("answer", "code"))
    assert provider.oauth is not None
    if provider.oauth.read_answer is None:
        # It is an error for every client (RFC 6749 §5.2).
        assert answer["error"] == code
        return

    with pytest.raises(Refused, match=r"\w") as refused:
        provider.oauth.read_answer(answer)

    assert refused.value.code == code


@of_each
def test_recorded_callback_gives_what_addresses_need(provider: Provider) -> None:
    fixture, oauth = recorded(provider), provider.oauth
    assert oauth is not None
    assert {"code", "state"} <= fixture["callback"].keys()
    if oauth.read_callback is None:
        assert not oauth.callback_names
        return

    kept = oauth.read_callback(
        fixture["callback"], fixture["configuration"], fixture.get("client_secret", "secret")
    )

    assert dict(kept) == fixture["kept"]
    assert set(kept) == set(oauth.callback_names)


@of_each
def test_recorded_details_give_what_addresses_need(provider: Provider) -> None:
    fixture, oauth = recorded(provider), provider.oauth
    assert oauth is not None
    assert bool(oauth.details_url) == bool(oauth.details_names) == ("details" in fixture)
    if not oauth.details_url:
        return

    assert (
        oauth.details_of(fixture["details"]["answer"], fixture.get("configuration", {}))
        == fixture["details"]["kept"]
    )
    for nonsense in _NONSENSE:
        with pytest.raises(Refused):
            oauth.details_of(nonsense, fixture.get("configuration", {}))


@pytest.mark.parametrize("provider", providers().values(), ids=lambda provider: provider.slug)
def test_check_reads_whose_account_it_is(provider: Provider) -> None:
    check = provider.check
    if check is None or check.read is None:
        assert "check" not in recorded(provider)
        return
    fixture = recorded(provider)["check"]

    assert check.read(fixture["answer"]) == fixture["name"]
    for nonsense in _NONSENSE:
        with suppress(Refused):
            assert check.read(nonsense) is None
