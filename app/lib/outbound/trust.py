"""Which certificate authorities are trusted."""

import ssl


def find_ca_file(explicit: str | None = None) -> str | None:
    """Return the CA bundle to verify with: the explicit one, else the system's, else certifi's, else None."""
    if explicit:
        return explicit
    found = ssl.get_default_verify_paths().cafile
    if found:
        return found
    try:
        import certifi  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return None
    return str(certifi.where())
