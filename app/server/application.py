"""What a web process serves: static files from the event loop, everything else from the application's threads."""

from app.config import Settings
from app.factory import create_app
from app.server.gateway import Gateway
from app.server.static import StaticFiles


def create() -> Gateway:
    """Return the ASGI application for the settings of the environment. Raises ConfigError."""
    app = create_app()
    settings: Settings = app.config["SETTINGS"]
    return Gateway(
        app,
        threads=settings.web_threads,
        body_max_bytes=app.config["MAX_CONTENT_LENGTH"],
        static_files=StaticFiles(str(app.static_folder), str(app.static_url_path), settings),
    )
