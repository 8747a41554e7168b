"""OAuth 2.0 as a client: authorization codes with PKCE (RFC 6749, RFC 7636), tokens, and their revocation (RFC 7009).

For sign-in at the company's provider and for connections to other services. Only pending authorizations are
stored here: `states`.
"""
