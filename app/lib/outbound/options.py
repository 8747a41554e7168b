"""Options that are the same on every libcurl handle."""

import pycurl

_DISALLOW_USERNAME_IN_URL = 278  # CURLOPT_…, which pycurl has no names for.
_QUICK_EXIT = 322
IDLE_CONNECTION_AGE_S = 50


def set_constant_options(handle: pycurl.Curl, *, ca_file: str | None) -> None:
    """Allow http and https, certificates that verify, and no redirects, proxies, cookies or caches."""
    setopt = handle.setopt
    setopt(pycurl.NOSIGNAL, 1)
    setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    setopt(pycurl.REDIR_PROTOCOLS, 0)
    setopt(pycurl.FOLLOWLOCATION, 0)
    setopt(pycurl.PROXY, "")
    setopt(pycurl.NOPROXY, "*")
    setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
    setopt(_DISALLOW_USERNAME_IN_URL, 1)
    setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    setopt(pycurl.HTTP09_ALLOWED, 0)
    setopt(pycurl.HTTP_CONTENT_DECODING, 0)
    setopt(pycurl.USERAGENT, "")
    setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    setopt(pycurl.SSL_VERIFYPEER, 1)
    setopt(pycurl.SSL_VERIFYHOST, 2)
    if ca_file:
        setopt(pycurl.CAINFO, ca_file)
    setopt(pycurl.MAXAGE_CONN, IDLE_CONNECTION_AGE_S)
    setopt(_QUICK_EXIT, 1)
