"""What the demo announces: the command that fills a team."""

from app.demo.cli import demo_cli
from app.web.features import Feature

FEATURE = Feature(name="demo", commands=(demo_cli,))
