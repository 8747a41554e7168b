"""Commands for operators: accounts."""

from flask.cli import AppGroup

accounts_cli = AppGroup("accounts", help="Users and teams.")
