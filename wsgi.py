"""The WSGI entry point, for `flask` and for other WSGI servers. `python -m app.server` is the web server."""

from app.factory import create_app

app = create_app()
