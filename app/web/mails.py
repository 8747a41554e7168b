"""Mails from templates: `templates/emails/<template>.txt` and `.html` with the same content."""

import structlog
from flask import current_app

from app.extensions import current_settings
from app.lib import mail
from app.lib.mail import Mail

log = structlog.get_logger()


def send_mail(to: str, subject: str, template: str, context: dict[str, object]) -> None:
    """Render and send a mail. Only in jobs, and with no session open: the server may take its time.

    Raises OSError or smtplib.SMTPException when the mail server does not take it.
    """
    settings = current_settings()
    # Not flask.render_template: what the app adds to every page needs a request, and a job has none.
    templates = current_app.jinja_env
    text = templates.get_template(f"emails/{template}.txt").render(context)
    html = templates.get_template(f"emails/{template}.html").render(context, subject=subject)
    mail.send(Mail(to, subject, text, html), smtp_url=settings.smtp_url, sender=settings.mail_from)
    log.info("mail_sent", kind=template)


def absolute_url(path: str) -> str:
    """Return the address that people outside use for a path."""
    return current_settings().public_url + path
