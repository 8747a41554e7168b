"""When an integration will cease to work if nothing is done: connections that end, and what providers switch off. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.integrations.spec import OAuth, Provider, Sunset

_WARNING = timedelta(days=14)
_URGENT = timedelta(days=3)
_SUNSET_WARNING = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is known about a connection that works."""

    connected_at: datetime
    refreshed_at: datetime
    expires_at: datetime | None = None
    grant_expires_at: datetime | None = None
    refresh_failures: int = 0
    last_refresh_error: str | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Something that will end: when, in words, and what to do. `kind` is info, warning or danger."""

    at: datetime
    words: str
    advice: str
    kind: str


def forecasts_of(provider: Provider, grant: Grant, now: datetime) -> list[Forecast]:
    """Return what will end a connection that works, the soonest first."""
    found = list(_endings(provider.oauth, grant, now)) if provider.oauth else []
    return sorted(found, key=lambda one: one.at)


def _endings(oauth: OAuth, grant: Grant, now: datetime) -> Iterable[Forecast]:
    ends_at = _hard_end(oauth, grant)
    if ends_at is not None:
        yield Forecast(
            ends_at,
            f"Access ends {_on(ends_at, now)}, whatever is done.",
            "Reconnect it before: its settings, and everything that uses it, stay.",
            _kind(ends_at, now),
        )
    if oauth.idle_days is not None and oauth.has_refresh_tokens:
        dies_at = grant.refreshed_at + timedelta(days=oauth.idle_days)
        if grant.refresh_failures:
            yield Forecast(
                dies_at,
                f"The connection dies {_in(dies_at, now)} unless it is refreshed: the last"
                f" {_times(grant.refresh_failures)} failed.",
                grant.last_refresh_error or "Signalbox tries again by itself. Reconnect it if that goes on.",
                _kind(dies_at, now, at_least="warning"),
            )
        else:
            yield Forecast(
                dies_at,
                f"The connection dies {_in(dies_at, now)} unless used.",
                "Signalbox refreshes it before that by itself.",
                "info",
            )


def _hard_end(oauth: OAuth, grant: Grant) -> datetime | None:
    """Return when access ends whatever one does; None: never, or nobody knows."""
    ends = [grant.grant_expires_at]
    if oauth.hard_days is not None and grant.grant_expires_at is None:
        ends.append(grant.connected_at + timedelta(days=oauth.hard_days))
    if not oauth.has_refresh_tokens:
        ends.append(grant.expires_at)
    return min((end for end in ends if end is not None), default=None)


@dataclass(frozen=True, slots=True)
class PlannedSunset:
    """Something that a provider will switch off, or has, and the team's integrations that it affects: (id, name)."""

    provider: Provider
    sunset: Sunset
    integrations: tuple[tuple[str, str], ...]
    kind: str
    words: str


def sunsets_of(integrations: Iterable[tuple[Provider, str, str]], today: date) -> list[PlannedSunset]:
    """Return what providers of these integrations (provider, id, name) switch off, the soonest first."""
    affected: dict[str, tuple[Provider, list[tuple[str, str]]]] = {}
    for provider, integration_id, name in integrations:
        affected.setdefault(provider.slug, (provider, []))[1].append((integration_id, name))
    found = [
        PlannedSunset(provider, sunset, tuple(named), *_sunset_words(sunset, today))
        for provider, named in affected.values()
        for sunset in provider.sunsets
    ]
    return sorted(found, key=lambda one: one.sunset.on)


def _sunset_words(sunset: Sunset, today: date) -> tuple[str, str]:
    left = sunset.on - today
    if left < timedelta(0):
        return "danger", "It is switched off."
    words = "It is switched off today." if not left.days else f"{_days(left.days)} left."
    return ("warning" if left <= _SUNSET_WARNING else "info"), words


def _kind(at: datetime, now: datetime, *, at_least: str = "info") -> str:
    if at - now <= _URGENT:
        return "danger"
    return "warning" if at - now <= _WARNING else at_least


def _on(at: datetime, now: datetime) -> str:
    if at <= now:
        return "now"
    day = f"{at.day} {at:%B}"
    return f"on {day}" if at.year == now.year else f"on {day} {at.year}"


def _in(at: datetime, now: datetime) -> str:
    left = at - now
    if left <= timedelta(0):
        return "any moment"
    if left < timedelta(days=2):
        hours = max(1, round(left / timedelta(hours=1)))
        return f"in {hours} {'hour' if hours == 1 else 'hours'}"
    return f"in {_days(left.days)}"


def _days(count: int) -> str:
    return f"{count} {'day' if count == 1 else 'days'}"


def _times(count: int) -> str:
    return "attempt" if count == 1 else f"{count} attempts"
