"""`python -m app.server`: the web server, configured by the environment."""

import sys

from app.config import ConfigError, load_settings
from app.server.server import run


def main() -> int:
    """Serve until stopped; return the exit code."""
    try:
        settings = load_settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        run(settings)
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
