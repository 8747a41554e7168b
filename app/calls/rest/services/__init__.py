"""Defines endpoints, and runs them."""
