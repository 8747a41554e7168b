"""Session cookies with timestamps of the application's clock."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from app.lib.timed_signer import TimedSigner


class SessionCookies(SecureCookieSessionInterface):
    """Flask's own session cookies, dated by `app.lib.clock`.

    By the clocks of the machines, a user who signed in on one that is ahead would be signed out by the next.
    """

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the serializer of the cookies; None without a secret key."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = TimedSigner
        return serializer
