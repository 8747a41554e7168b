"""Mails from templates: `templates/emails/<template>.txt` and `.html` with the same content.

Features declare the kinds of mails that they send in their `feature.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from flask import current_app

from app.extensions import current_settings
from app.lib import mail
from app.lib.mail import Mail

log = structlog.get_logger()

#: By name; filled once, when the features are connected.
_declared: dict[str, "MailKind"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedMail:
    """The content of a mail, to be rendered with its template."""

    to: str
    subject: str
    template: str
    context: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailKind:
    """A kind of mails. A name is a promise between releases: mails of the last one may still wait under it.

    `compose` takes ids and returns the mail as it is to be now, None when there is no reason for it any more; it leaves
    no transaction open. A mail that could not be sent within `lifetime_s` is given up.
    """

    name: str
    compose: Callable[..., ComposedMail | None]
    lifetime_s: float


def declare(kinds: Iterable[MailKind]) -> None:
    """Add kinds of mails. Raises ValueError for a name that another kind has."""
    for kind in kinds:
        if _declared.setdefault(kind.name, kind) != kind:
            raise ValueError(f"two kinds of mails are named {kind.name}")


def mail_kind(name: str) -> MailKind:
    """Return a declared kind. Raises KeyError."""
    return _declared[name]


def send_mail(composed: ComposedMail, *, message_id: str) -> None:
    """Render and send a mail. Only in jobs, and with no session open: the server may take its time.

    Sent again under the same id, it has the same Message-ID. Raises OSError or smtplib.SMTPException when the
    mail server does not take it.
    """
    settings = current_settings()
    # Not flask.render_template: the context processors of pages need a request, and a job has none.
    templates = current_app.jinja_env
    name, context = composed.template, composed.context
    text = templates.get_template(f"emails/{name}.txt").render(context)
    html = templates.get_template(f"emails/{name}.html").render(context, subject=composed.subject)
    mail.send(
        Mail(message_id, composed.to, composed.subject, text, html),
        smtp_url=settings.smtp_url,
        sender=settings.mail_from,
    )
    log.info("mail_sent", kind=name)


def absolute_url(path: str) -> str:
    """Return the public address of a path."""
    return current_settings().public_url + path
