"""What the secrets at rest announce: the commands that re-seal and check them."""

from app.secrets.cli import secrets_cli
from app.web.features import Feature

FEATURE = Feature(name="secrets", commands=(secrets_cli,))
