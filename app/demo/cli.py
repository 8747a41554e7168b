"""`flask demo fill`: a team full of believable data."""

from flask.cli import AppGroup

demo_cli = AppGroup("demo", help="Believable data to look at.")
