"""Connections with `oidc-provider`, a certified OpenID provider that runs on Node: a third party's idea of the standards."""
