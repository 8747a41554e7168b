"""Calls through integrations: definitions of requests, and their execution."""
