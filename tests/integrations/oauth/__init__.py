"""Connections by OAuth, against Authlib's own authorization server."""
