"""Tests of calls through integrations."""
