"""Session cookies that every machine dates alike."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from app.lib.timed_signer import TimedSigner


class SessionCookies(SecureCookieSessionInterface):
    """Flask's own session cookies, dated by `app.lib.clock`.

    By the clock of each machine, who signed in on one that is ahead would be signed out again by the next.
    """

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and reads the cookies; None without a secret key."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = TimedSigner
        return serializer
