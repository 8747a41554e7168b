"""What is said of connections that will end, and of what providers switch off."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.integrations.forecast import Forecast, Grant, forecasts_of, sunsets_of
from app.integrations.providers import get_provider
from app.integrations.spec import OAuth, Provider, Sunset

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def provider(**oauth: Any) -> Provider:
    """Return a provider whose OAuth is so."""
    spec = OAuth(authorization_url="https://a.example", token_url="https://a.example", **oauth)
    return replace(get_provider("github"), oauth=spec)


def forecasts(spec: Provider, **grant: Any) -> list[Forecast]:
    """Return what is ahead of a connection that was made 10 days ago and refreshed 21 days before it would die."""
    values = {"connected_at": NOW - timedelta(days=10), "refreshed_at": NOW - timedelta(days=21), **grant}
    return forecasts_of(spec, Grant(**values), NOW)


def test_a_grant_dies_unless_it_is_used() -> None:
    (found,) = forecasts(provider(idle_days=30))
    assert found.words == "The connection dies in 9 days unless used."
    assert (found.at, found.kind) == (NOW + timedelta(days=9), "info")


def test_failed_refreshes_are_said_and_warned_of() -> None:
    (found,) = forecasts(provider(idle_days=30), refresh_failures=3, last_refresh_error="It answered 500.")
    assert "in 9 days unless it is refreshed: the last 3 attempts failed" in found.words
    assert (found.advice, found.kind) == ("It answered 500.", "warning")


@pytest.mark.parametrize(
    ("left", "kind", "words"),
    [
        (timedelta(days=30), "info", "Access ends on 3 March, whatever is done."),
        (timedelta(days=9), "warning", "Access ends on 10 February, whatever is done."),
        (timedelta(days=2), "danger", "Access ends on 3 February, whatever is done."),
        (timedelta(days=365), "info", "Access ends on 1 February 2027, whatever is done."),
        (timedelta(0), "danger", "Access ends now, whatever is done."),
    ],
)
def test_the_end_of_a_grant_is_said(left: timedelta, kind: str, words: str) -> None:
    (found,) = forecasts(provider(), grant_expires_at=NOW + left)
    assert (found.words, found.kind) == (words, kind)


def test_a_life_that_nothing_prolongs_counts_from_the_connection() -> None:
    (found,) = forecasts(provider(hard_days=90))
    assert found.at == NOW + timedelta(days=80)
    # What the provider said of this grant is nearer to the truth.
    (found,) = forecasts(provider(hard_days=90), grant_expires_at=NOW + timedelta(days=5))
    assert found.at == NOW + timedelta(days=5)


def test_without_refresh_tokens_the_access_token_is_all_there_is() -> None:
    ends_at = NOW + timedelta(days=4)
    (found,) = forecasts(provider(has_refresh_tokens=False, idle_days=30), expires_at=ends_at)
    assert found.at == ends_at
    assert forecasts(provider(), expires_at=ends_at) == []


def test_the_soonest_stands_first_and_nothing_is_invented() -> None:
    found = forecasts(provider(idle_days=30, hard_days=12))
    assert [one.at - NOW for one in found] == [timedelta(days=2), timedelta(days=9)]
    assert forecasts(provider()) == []
    assert forecasts_of(replace(provider(), oauth=None), Grant(connected_at=NOW, refreshed_at=NOW), NOW) == []


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "in 1 hour"), (30, "in 30 hours"), (48, "in 2 days"), (-1, "any moment")]
)
def test_times_are_said_as_people_say_them(hours: int, words: str) -> None:
    refreshed_at = NOW - timedelta(days=30) + timedelta(hours=hours)
    (found,) = forecasts(provider(idle_days=30), refreshed_at=refreshed_at)
    assert words in found.words


def test_sunsets_name_the_integrations_that_they_affect() -> None:
    early, late = (
        Sunset(date(2026, 3, 1), "Version 1", "Use 2."),
        Sunset(date(2027, 1, 1), "Version 2", "Use 3."),
    )
    past = Sunset(date(2026, 1, 31), "Version 0", "Use 2.")
    one = replace(get_provider("github"), sunsets=(late, early))
    other = replace(get_provider("gitlab"), sunsets=(past,))
    found = sunsets_of([(one, "int_1", "A"), (other, "int_2", "B"), (one, "int_3", "C")], NOW.date())
    assert [(planned.sunset.what, planned.kind, planned.words) for planned in found] == [
        ("Version 0", "danger", "It is switched off."),
        ("Version 1", "warning", "28 days left."),
        ("Version 2", "info", "334 days left."),
    ]
    assert found[1].integrations == (("int_1", "A"), ("int_3", "C"))
