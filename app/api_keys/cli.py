"""Commands for operators: API keys."""

from flask.cli import AppGroup

keys_cli = AppGroup("keys", help="API keys.")
