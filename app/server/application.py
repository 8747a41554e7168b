"""What a web process serves: static files from the event loop, everything else from the application's threads."""

import gc
import sys

from app.config import Settings
from app.factory import create_app
from app.server.gateway import Gateway
from app.server.static import StaticFiles

#: A request makes some hundred objects and few cycles, so the collector may run less often than by default.
_COLLECT_AFTER_OBJECTS = 20_000
#: The switch interval: Python's default of 5 ms is longer than most requests take.
_THREAD_TURN_S = 0.001


def create() -> Gateway:
    """Return the ASGI application for the settings of the environment. Raises ConfigError."""
    app = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 50, 100)
    sys.setswitchinterval(_THREAD_TURN_S)
    settings: Settings = app.config["SETTINGS"]
    return Gateway(
        app,
        threads=settings.web_threads,
        body_max_bytes=app.config["MAX_CONTENT_LENGTH"],
        static_files=StaticFiles(str(app.static_folder), str(app.static_url_path), settings),
    )
