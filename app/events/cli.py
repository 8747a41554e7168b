"""Commands for operators: events."""

from flask.cli import AppGroup

events_cli = AppGroup("events", help="Events.")
