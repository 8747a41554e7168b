"""Commands for operators: `flask keys …` and `flask limits …`."""

# Importing it adds its command to the group.
from app.api_keys.cli import scan  # noqa: F401
from app.api_keys.cli.keys import keys_cli
from app.api_keys.cli.limits import limits_cli

__all__ = ["keys_cli", "limits_cli"]
