"""The codes of a second factor: those an authenticator app shows (RFC 6238), and those for when it is lost.

Recovery codes are 80 random bits each, so their plain SHA-256 is stored: they cannot be guessed from a digest, and a
slow hash would add nothing. They are written in Crockford's base 32, which reads O as 0 and I as 1.
"""

import hashlib
import re
import secrets
from datetime import datetime

import pyotp
import segno

ISSUER = "Signalbox"
STEP_S = 30
#: Steps before and after the current one whose codes count: clocks of phones are not exact.
WINDOW_STEPS = 1
RECOVERY_CODES = 10
_RECOVERY_CHARS = 16
_GROUP_CHARS = 4
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ONE_TIME = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(rf"[{_ALPHABET}]{{{_RECOVERY_CHARS}}}")
_MISREAD = str.maketrans("oil", "011")


def new_secret() -> str:
    """Return a new secret for an authenticator app: 160 random bits in base 32."""
    return pyotp.random_base32()


def grouped(secret: str) -> str:
    """Return a secret in groups of four, as people type it."""
    return " ".join(secret[start : start + _GROUP_CHARS] for start in range(0, len(secret), _GROUP_CHARS))


def qr_code(secret: str, *, account: str) -> str:
    """Return an SVG element without style or script that an authenticator app reads the secret from."""
    uri = pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)
    # Scanners need dark on light, in dark mode too.
    return segno.make(uri, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="sb-qr", lineclass=None, omitsize=False
    )


def is_one_time_code(text: str) -> bool:
    """Return whether the text looks like a code of an app rather than a recovery code."""
    return _ONE_TIME.fullmatch("".join(text.split())) is not None


def step_of(text: str, secret: str, *, at: datetime) -> int | None:
    """Return the time step that the code belongs to, when it is right at this time; else None."""
    code = "".join(text.split())
    if _ONE_TIME.fullmatch(code) is None:
        return None
    try:
        return pyotp.TOTP(secret, interval=STEP_S).verify_and_get_timecode(
            code, for_time=at, valid_window=WINDOW_STEPS
        )
    except pyotp.OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Return ten new codes such as `7k3m-x0qf-9a2t-hh5w`."""
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARS)) for _ in range(RECOVERY_CODES)
    ]
    return [
        "-".join(code[start : start + _GROUP_CHARS] for start in range(0, _RECOVERY_CHARS, _GROUP_CHARS))
        for code in codes
    ]


def digest_of_recovery_code(text: str) -> str | None:
    """Return what is stored of a recovery code, however it was typed; None when it cannot be one."""
    code = re.sub(r"[\s-]", "", text.lower()).translate(_MISREAD)
    if _RECOVERY.fullmatch(code) is None:
        return None
    return hashlib.sha256(code.encode()).hexdigest()
