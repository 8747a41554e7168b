"""Integrations: the services a team has connected, what it may do there, and whether it works."""
