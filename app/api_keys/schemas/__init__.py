"""What the API takes and returns about keys."""

from app.api_keys.schemas.checks import CheckOut, SimulationIn, SimulationOut, Verified, VerifyIn
from app.api_keys.schemas.keys import (
    CallerList,
    CallerOut,
    HourOut,
    KeyChange,
    KeyChanged,
    KeyCreated,
    KeyIn,
    KeyList,
    KeyOut,
    KeyPath,
    RegenerateIn,
    RevocationPending,
    UsageOut,
    UsageQuery,
)

__all__ = [
    "CallerList",
    "CallerOut",
    "CheckOut",
    "HourOut",
    "KeyChange",
    "KeyChanged",
    "KeyCreated",
    "KeyIn",
    "KeyList",
    "KeyOut",
    "KeyPath",
    "RegenerateIn",
    "RevocationPending",
    "SimulationIn",
    "SimulationOut",
    "UsageOut",
    "UsageQuery",
    "Verified",
    "VerifyIn",
]
