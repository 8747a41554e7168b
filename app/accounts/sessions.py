"""Signed-in sessions."""

from flask import Flask


def init_sessions(app: Flask) -> None:
    """Tell Flask-Login how to find users."""
