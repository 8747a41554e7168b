"""The questions of a provider's form, and what its app may do. Pure data."""

from dataclasses import dataclass
from typing import Literal

FieldKind = Literal["text", "url", "secret", "choice", "multiline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of the form. A `secret` is sealed, and never shown again; everything else is configuration.

    `form` says which values are taken, where not any text: a `host` is a host name, a `label` one part of one, so that
    nothing typed into it can lead an address elsewhere; a `path_segment` has no slash, a `path` begins with one; a `url`
    is for addresses that are secrets themselves; a `token` names a header (RFC 9110 §5.6.2).
    """

    name: str
    label: str
    kind: FieldKind = "text"
    help: str = ""
    #: "Where do I find this?": the way through the provider's own pages.
    where: str = ""
    placeholder: str = ""
    is_required: bool = True
    default: str = ""
    #: Of a `choice`: value and label.
    choices: tuple[tuple[str, str], ...] = ()
    form: Literal["any", "label", "host", "path_segment", "path", "url", "token"] = "any"
    max_chars: int = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """Something the provider lets an app do. `note` says what it is for here."""

    name: str
    note: str
    is_default: bool = True
