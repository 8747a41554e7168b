"""Decisions about events and their types, without any I/O."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.events.catalogue import BUILT_IN, OPERATIONAL_PREFIX
from app.lib.errors import Invalid

TYPE_NAME_MAX_CHARS = 100
IDEMPOTENCY_KEY_MAX_CHARS = 255
BATCH_EVENTS_MAX = 100
DESCRIPTION_MAX_CHARS = 500
EXAMPLE_MAX_BYTES = 16_384
#: A team's own types are all listed on one page and in every webhook form.
OWN_TYPES_MAX = 300

_TYPE_NAME = re.compile(r"[a-z0-9_]++(?:\.[a-z0-9_]++)++")
#: What a backslash begins in JSON. Read one after the other: of `\\u0000` the first is an escaped backslash.
_ESCAPE = re.compile(rb"\\(u0000|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event as it is sent and stored. `body` is the exact text; `digest` identifies type and data."""

    body: str
    digest: str


def encode_event(event_id: str, event_type: str, data: dict[str, Any], *, moment: datetime) -> Envelope:
    """Return the body of an event, its data's keys in their order. Raises Invalid when it is no JSON."""
    encoded = encode_object(data, field="data")
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    # Ids and type names hold no character that JSON escapes.
    head = f'{{"id":"{event_id}","type":"{event_type}","timestamp":"{stamp}","data":'
    canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(event_type.encode() + b"\n" + canonical).hexdigest()
    return Envelope(f"{head}{encoded.decode()}}}", digest)


def encode_object(value: object, *, field: str) -> bytes:
    """Return the JSON of an object. Raises Invalid naming `field` for all that receivers or databases refuse."""
    if not isinstance(value, dict):
        raise Invalid.field(field, f"{field} must be a JSON object: {{…}}.")
    try:
        encoded = orjson.dumps(value)
    except TypeError as error:
        if "ecursion" in str(error):
            raise Invalid.field(field, f"{field} is nested too deeply; at most 250 levels.") from None
        raise Invalid.field(field, f"{field} cannot be written as JSON: {error}.") from None
    if b"\\u0000" in encoded and any(found[1] == b"u0000" for found in _ESCAPE.finditer(encoded)):
        raise Invalid.field(field, f"{field} contains a NUL character (\\u0000). Remove it.")
    return encoded


def check_idempotency_key(key: str) -> str:
    """Return the key. Raises Invalid unless it has 1 to 255 printable characters."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARS:
        raise Invalid.field(
            "idempotency_key", f"The idempotency key must have 1 to {IDEMPOTENCY_KEY_MAX_CHARS} characters."
        )
    if not key.isprintable():
        raise Invalid.field(
            "idempotency_key", "The idempotency key holds a character that cannot be printed."
        )
    return key


def check_type_form(name: str) -> None:
    """Raise Invalid unless `name` has the form of a type's name: only such names reach bodies and databases."""
    if len(name) > TYPE_NAME_MAX_CHARS or _TYPE_NAME.fullmatch(name) is None:
        raise Invalid.field(
            "type",
            f"{name[:TYPE_NAME_MAX_CHARS]!r} is not the name of an event type: these are words of a-z, 0-9 and _"
            " joined by dots, such as post.published.",
        )


def check_description(text: str) -> str:
    """Return the description. Raises Invalid when it is too long or holds control characters."""
    if len(text) > DESCRIPTION_MAX_CHARS:
        raise Invalid.field("description", f"At most {DESCRIPTION_MAX_CHARS} characters.")
    if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        raise Invalid.field("description", "It holds a character that cannot be printed. Remove it.")
    return text


def check_new_type_name(name: str) -> str:
    """Return the name of a type that a team may add. Raises Invalid saying what is wrong with it."""
    if len(name) > TYPE_NAME_MAX_CHARS or _TYPE_NAME.fullmatch(name) is None:
        raise Invalid.field(
            "name",
            "Use two or more words joined by dots, made of a-z, 0-9 and _, such as order.shipped;"
            f" at most {TYPE_NAME_MAX_CHARS} characters.",
        )
    if name.startswith(OPERATIONAL_PREFIX):
        raise Invalid.field("name", f"Names that begin with {OPERATIONAL_PREFIX} belong to Signalbox itself.")
    if name in BUILT_IN:
        raise Invalid.field("name", f"{name} is built in and can be used as it is.")
    return name
