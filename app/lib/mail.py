"""Sends mail over SMTP, or prints it where no server is configured."""

import contextlib
import smtplib
import ssl
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to one address, as text and as HTML with the same content. `id` becomes its Message-ID."""

    id: str
    to: str
    subject: str
    text: str
    html: str


def send(mail: Mail, *, smtp_url: str, sender: str) -> None:
    """Hand the mail to the server of `smtp_url`; an empty one prints it to standard output.

    `smtps://user:password@host:465` speaks TLS from the start, `smtp://host:587?starttls` after STARTTLS,
    `smtp://host:25` not at all. Raises OSError and smtplib.SMTPException when the server does not take it.
    """
    if not smtp_url:
        sys.stdout.write(f"\n--- Mail to {mail.to}: {mail.subject} ---\n\n{mail.text}\n---\n\n")
        sys.stdout.flush()
        return
    message = _message(mail, sender)
    server = _connected(smtp_url)
    try:
        server.send_message(message)
    except BaseException:
        server.close()
        raise
    # The mail is taken: whatever the server says to QUIT, it must not be sent again (RFC 5321 §4.2.5).
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{mail.id}@signalbox.invalid>"
    # Out-of-office robots answer people, not this (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _connected(smtp_url: str) -> smtplib.SMTP:
    parts = urlsplit(smtp_url)
    host = parts.hostname or "localhost"
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=_TIMEOUT_S, context=context)
    elif parts.scheme == "smtp":
        server = smtplib.SMTP(host, parts.port or 25, timeout=_TIMEOUT_S)
    else:
        raise ValueError("SMTP_URL must start with smtp:// or smtps://")
    try:
        if "starttls" in parse_qs(parts.query, keep_blank_values=True):
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server
