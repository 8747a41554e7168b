"""The blueprints, and the way to a team's home."""

from urllib.parse import urlsplit

from flask import url_for

from app.web.schemes import Pages

accounts = Pages("accounts", __name__)
teams = Pages("teams", __name__, url_prefix="/t/<team>")


def home_of(slug: str) -> str:
    """Return the address of a team's home page."""
    return url_for("dashboard.home", team=slug)


def local_path(target: str | None) -> str | None:
    """Return `target` when it is a path on this site, else None: redirects must not leave the site."""
    if not target or not target.startswith("/") or not target.isprintable():
        return None
    # Browsers read "//host" and "/\\host" as another site.
    if target.startswith(("//", "/\\")) or "\\" in target:
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
