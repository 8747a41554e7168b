"""Values of filters as lists take them in their address, from a form as from a program."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

QUERY_CHARS_MAX = 200


def _empty_is_unset(value: object) -> object:
    # A GET form sends every control, the untouched ones empty.
    return (value.strip() or None) if isinstance(value, str) else value


def _aware(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is beyond the calendar") from None


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("leave out control characters")
    return value


#: On a field: an empty value filters nothing.
Unset = BeforeValidator(_empty_is_unset)
#: What somebody looks for: one line, of a bounded length.
FilterText = Annotated[str, Field(max_length=QUERY_CHARS_MAX), AfterValidator(_printable)]
#: A time; without a zone it is UTC.
Moment = Annotated[datetime, AfterValidator(_aware)]
