"""Sign-in with the company's OpenID provider (OpenID Connect Core 1.0, authorization code with PKCE)."""
