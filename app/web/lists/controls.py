"""What the filter form of a list is made of: its controls, and what says which filters are set."""

from dataclasses import dataclass
from datetime import datetime

from app.web.lists.filters import Choices


@dataclass(frozen=True, slots=True)
class Control:
    """A control of the filter form."""

    name: str
    label: str
    kind: str
    value: str
    placeholder: str = ""
    choices: Choices = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address without it. A time is a `moment`, everything else `words`."""

    label: str
    words: str
    moment: datetime | None
    url: str
