"""The catalogue of providers."""
