"""Builds the application."""

from collections.abc import Sequence

from flask_openapi import Info, OpenAPI
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from app import __version__, wiring
from app.accounts.rules import SESSION_VALID
from app.clock_skew import init_clock_watch
from app.config import PROJECT_DIR, Settings, load_settings
from app.db.migrations import init_migrations
from app.db.session import prepare_engine
from app.extensions import csrf, db, init_services, login_manager
from app.web.features import Feature
from app.web.headers import init_headers
from app.web.limits import init_unknown_addresses
from app.web.logs import init_logs
from app.web.problems import init_problems, invalid_from_pydantic
from app.web.request_heads import BoundedRequestHeads
from app.web.responses import Application
from app.web.session_cookies import SessionCookies

#: An event's envelope and the multipart overhead of forms come on top of the largest event.
_BODY_MARGIN_BYTES = 16_384


def create_app(settings: Settings | None = None, *, features: Sequence[Feature] = wiring.FEATURES) -> OpenAPI:
    """Return the WSGI application.

    Raises `ConfigError` when the environment does not allow a start, and ValueError when the features do not fit
    together: a view without a scheme or a mark, a permission that nobody declares, two jobs of one name.
    """
    settings = settings or load_settings()
    init_logs(settings)
    app = Application(
        "app",
        info=Info(title="Signalbox", version=__version__),
        template_folder=str(PROJECT_DIR / "templates"),
        static_folder=str(PROJECT_DIR / "static"),
        validation_error_callback=invalid_from_pydantic,
        doc_ui=False,
    )
    app.config.update(_flask_config(settings))
    app.session_interface = SessionCookies()
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.wsgi_app = BoundedRequestHeads(app.wsgi_app)  # type: ignore[method-assign]

    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    init_migrations(app, db)
    init_services(app, settings)
    login_manager.init_app(app)
    csrf.init_app(app)
    init_unknown_addresses(app)
    init_clock_watch(app)
    init_headers(app, settings)
    init_problems(app)
    wiring.connect(app, features)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    # Errors are logged, and parameters hold password hashes and the data of events.
    engine_options: dict[str, object] = {"hide_parameters": True}
    if not settings.is_sqlite:
        # No ping before each use: it costs a round trip; a lost connection is answered with 503 and replaced.
        engine_options |= {"pool_recycle": 1800}
    return {
        "SETTINGS": settings,
        "TESTING": settings.app_env == "test",
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options,
        "SESSION_COOKIE_NAME": "signalbox_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.public_url.startswith("https://"),
        "PERMANENT_SESSION_LIFETIME": SESSION_VALID,
        # A poll that ends after the sign-out in another tab must not bring the old cookie back.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "MAX_CONTENT_LENGTH": settings.event_body_max_bytes + _BODY_MARGIN_BYTES,
        # Tokens that expire break dashboards that stay open; they are bound to the session anyway.
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,
        "PROPAGATE_EXCEPTIONS": False,
    }
