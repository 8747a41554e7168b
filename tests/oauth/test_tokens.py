"""What is read out of a token endpoint's answer."""

from datetime import UTC, datetime, timedelta

import pytest

from app.oauth.tokens import TokenSet

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def parse(**answer: object) -> TokenSet:
    return TokenSet.parse({"access_token": "at"} | answer, asked_at=NOW)


@pytest.mark.parametrize("lifetime", [3600, "3600", 3600.9])
def test_lifetime_counts_from_when_it_was_asked_for(lifetime: object) -> None:
    assert parse(expires_in=lifetime).expires_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "lifetime",
    [None, 0, -1, "", "soon", "-5", "٣", "9" * 5000, True, [], float("nan"), float("inf"), 1e300, 10**400],
    ids=str,
)
def test_lifetime_that_says_nothing_leaves_the_expiry_unknown(lifetime: object) -> None:
    assert parse(expires_in=lifetime).expires_at is None


def test_what_is_not_oauths_own_is_kept() -> None:
    tokens = parse(id_token="jwt", instance_url="https://eu.example", scope="a b", refresh_token="rt")

    assert dict(tokens.extras) == {"id_token": "jwt", "instance_url": "https://eu.example"}
    assert (tokens.scope, tokens.refresh_token) == ("a b", "rt")


@pytest.mark.parametrize("access_token", [None, "", 7, ["at"]])
def test_answer_without_access_token_is_none(access_token: object) -> None:
    with pytest.raises(ValueError, match="no access token"):
        parse(access_token=access_token)


def test_new_tokens_replace_and_missing_ones_stay() -> None:
    earlier = parse(refresh_token="old", scope="a", expires_in=60, region="eu")

    rotated = parse(refresh_token="new", scope="b").merged_into(earlier)
    bare = parse().merged_into(earlier)

    assert (rotated.refresh_token, rotated.scope) == ("new", "b")
    assert (bare.refresh_token, bare.scope, bare.expires_at) == ("old", "a", None)
    assert bare.extras == {"region": "eu"}


def test_secrets_are_in_no_log() -> None:
    shown = repr(parse(access_token="secret-at", refresh_token="secret-rt", id_token="secret-id"))

    assert "secret" not in shown
