"""Rules of accounts and teams, without a database: names, addresses, passwords, who may change whom."""

import re
import unicodedata
from datetime import timedelta

import email_validator

from app.accounts.common_passwords import COMMON_PASSWORDS
from app.web.permissions import Role

EMAIL_CHARS_MAX = 254
USER_NAME_CHARS_MAX = 100
TEAM_NAME_CHARS_MAX = 80
PASSWORD_CHARS_MIN = 10
PASSWORD_CHARS_MAX = 200
SLUG_CHARS_MAX = 40
#: How long a cookie is good for without being renewed; a session that nobody used for so long is over.
SESSION_VALID = timedelta(days=14)

#: Slugs that would collide with pages of Signalbox.
_PAGES = (
    "account accounts admin api app assets auth demo health healthz help invitations login logout metrics new"
    " readyz root settings setup sign-in sign-out sign-up static status support system t team teams theme www"
)
RESERVED_SLUGS = frozenset(_PAGES.split())

# Installations of one company use addresses that the public internet does not route.
for _domain in ("local", "localhost", "test"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)


def normal_email(text: str) -> str:
    """Return the address as it is stored: lower case, domain in ASCII. Raises ValueError with what is wrong."""
    text = text.strip()
    # Longer input is refused unread: normalising takes time quadratic in a run of combining marks.
    if len(text) > EMAIL_CHARS_MAX:
        raise ValueError(f"An email address has at most {EMAIL_CHARS_MAX} characters.")
    try:
        checked = email_validator.validate_email(
            text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"This is not an email address: {error}") from None
    return (checked.ascii_email or checked.normalized).lower()


def one_line(text: str) -> str:
    """Return a name without control characters, its white space collapsed."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def wrong_with_password(password: str, *, email: str) -> str | None:
    """Return why the password is refused and what to do, or None when it is accepted."""
    if len(password) < PASSWORD_CHARS_MIN:
        return f"Use at least {PASSWORD_CHARS_MIN} characters. A few words in a row are easy to remember."
    if len(password) > PASSWORD_CHARS_MAX:
        return f"Use at most {PASSWORD_CHARS_MAX} characters."
    folded = password.strip().lower()
    if folded in (email.lower(), email.lower().partition("@")[0]):
        return "Choose a password that is not your email address."
    if folded in COMMON_PASSWORDS or len(set(folded)) < 3:
        return "This password is among the first that attackers try. Choose another one."
    return None


def slug_of(name: str) -> str:
    """Return the address part for a team of this name: a-z, 0-9 and hyphens, at most 32 characters."""
    # Normalising takes time quadratic in a run of combining marks.
    plain = (
        unicodedata.normalize("NFKD", name[:TEAM_NAME_CHARS_MAX]).encode("ascii", "ignore").decode().lower()
    )
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: SLUG_CHARS_MAX - 8].strip("-")
    if not slug:
        return "our-team"
    return f"{slug}-team" if slug in RESERVED_SLUGS else slug


def may_change_role(actor: Role, *, old: Role, new: Role | None) -> bool:
    """Return whether `actor` may change a member from `old` to `new` (None: remove them).

    Owners may do everything, admins everything that does not make or unmake an owner.
    """
    if actor is Role.OWNER:
        return True
    return actor is Role.ADMIN and Role.OWNER not in (old, new)


def is_lower(role: Role, *, than: Role) -> bool:
    """Return whether a role is less powerful than another."""
    order = list(Role)
    return order.index(role) > order.index(than)


def grantable_roles(actor: Role) -> tuple[Role, ...]:
    """Return the roles that `actor` can give to others, from most to least powerful."""
    return tuple(role for role in Role if may_change_role(actor, old=Role.VIEWER, new=role))
