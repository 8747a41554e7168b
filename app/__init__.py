"""Signalbox: a self-hosted integrations dashboard."""

__version__ = "0.1.0"
