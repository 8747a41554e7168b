"""Failures in words: what happened and what to do, for every error kind. Pure: belongs to the rules."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure for people: a few words, what they mean, and what to do."""

    words: str
    meaning: str
    advice: str


_KINDS: dict[str, Explanation] = {
    # The same for a name that does not exist, one that does not resolve in time and one of a refused address: deliveries
    # must not show which names the operator's network knows.
    "dns_failed": Explanation(
        "Host not usable",
        "The host did not resolve in time to an address that Signalbox connects to. Private, loopback and otherwise"
        " special addresses are not.",
        "Check the spelling of the host, that its public DNS record exists and that its name servers answer. A private"
        " network has to be allowed by the operator: OUTBOUND_ALLOWED_NETWORKS.",
    ),
    "connect_refused": Explanation(
        "Connection refused",
        "The host answered that nothing listens on that port.",
        "Start the receiver, and check the port in the webhook's URL.",
    ),
    "connect_failed": Explanation(
        "No connection",
        "The network could not reach the receiver's address.",
        "Check firewalls and routes between Signalbox and the receiver.",
    ),
    "timeout_connect": Explanation(
        "Timed out connecting",
        "No connection was established within the webhook's timeout.",
        "Check that the receiver is reachable: a firewall that drops packets looks like this.",
    ),
    "timeout_first_byte": Explanation(
        "Timed out waiting",
        "The request was sent, but no answer began within the webhook's timeout.",
        "Answer first and do the work afterwards, or raise the webhook's timeout (at most 30 s).",
    ),
    "timeout_body": Explanation(
        "Timed out reading",
        "The answer began but did not end within the webhook's timeout.",
        "Send a short answer and close it; Signalbox needs only the status.",
    ),
    "tls_failed": Explanation(
        "TLS failed",
        "No secure connection could be established: the certificate or the handshake was not accepted.",
        "Check that the certificate is valid, matches the host and comes with its intermediate certificates.",
    ),
    "reset": Explanation(
        "Connection closed",
        "The receiver closed the connection before its answer was complete.",
        "Look into the receiver's log: it, or a proxy before it, probably crashed or restarted.",
    ),
    "response_invalid": Explanation(
        "Not HTTP",
        "What came back is not a valid HTTP answer.",
        "Check that the URL has the right scheme and port: https on a plain port looks like this.",
    ),
    "headers_too_large": Explanation(
        "Headers too large",
        "The answer's headers are larger than Signalbox reads.",
        "Let the receiver answer with fewer or smaller headers, often cookies.",
    ),
    "http_3xx": Explanation(
        "Redirect",
        "The receiver answered with a redirect. Signalbox does not follow those: the signature belongs to this address.",
        "Change the webhook's URL to the address the receiver redirects to.",
    ),
    "http_4xx": Explanation(
        "Refused by the receiver",
        "The receiver understood the request and refused it.",
        "Read the response below: it usually says why.",
    ),
    "http_5xx": Explanation(
        "Receiver failed",
        "The receiver had an error of its own.",
        "Look into the receiver's log at the time of this attempt, repair it, then retry.",
    ),
    "gone_410": Explanation(
        "Gone",
        "The receiver says that this address is gone for good, so Signalbox disabled the webhook.",
        "Give the webhook its new URL and resume it, or delete it.",
    ),
    "url_invalid": Explanation(
        "Invalid URL",
        "The webhook's URL cannot be used for a request.",
        "Edit the webhook and correct its URL.",
    ),
    "unknown": Explanation(
        "Unexpected failure",
        "The transfer failed in a way that Signalbox has no word for.",
        "Read the detail below; retry, and report it if it returns.",
    ),
}

_STATUSES: dict[int, Explanation] = {
    400: Explanation(
        "Bad request",
        "The receiver could not read the request.",
        "Compare the request body with what the receiver expects; its answer below may name the field.",
    ),
    401: Explanation(
        "Not authenticated",
        "The receiver did not accept the credentials or the signature.",
        "Check the signing secret on the receiver and the webhook's custom headers.",
    ),
    403: Explanation(
        "Forbidden",
        "The receiver, or a firewall before it, does not let this request in.",
        "Check the signing secret, allow-lists and bot protection in front of the receiver.",
    ),
    404: Explanation(
        "Not found",
        "The host answered, but it has nothing at this path.",
        "Check the path in the webhook's URL and that the receiver's route is deployed.",
    ),
    405: Explanation(
        "Method not allowed",
        "There is something at this path, but it does not take POST.",
        "Let the receiver's route accept POST, or correct the path.",
    ),
    413: Explanation(
        "Body too large",
        "The receiver, or a proxy before it, refuses bodies of this size.",
        "Raise the receiver's limit for request bodies, or emit smaller events.",
    ),
    429: Explanation(
        "Too many requests",
        "The receiver asks for fewer requests. Retries honour its Retry-After.",
        "Raise the receiver's limit if this goes on; what was given up can be retried by hand.",
    ),
    502: Explanation(
        "Bad gateway",
        "A proxy answered, but the application behind it did not.",
        "Check that the receiver's application runs and listens where its proxy looks.",
    ),
    503: Explanation(
        "Unavailable",
        "The receiver is overloaded or under maintenance.",
        "It often recovers by itself. What Signalbox gave up on meanwhile can be retried by hand.",
    ),
    504: Explanation(
        "Gateway timeout",
        "A proxy answered because the application behind it took too long.",
        "Answer first and do the work afterwards.",
    ),
}

ERROR_KINDS = tuple(_KINDS)


def explain(error_kind: str | None, status_code: int | None = None) -> Explanation | None:
    """Return a failure in words; None where there is no error. The status is more precise than its kind."""
    if not error_kind:
        return None
    if status_code in _STATUSES and error_kind in ("http_4xx", "http_5xx"):
        return _STATUSES[status_code]
    return _KINDS.get(error_kind, _KINDS["unknown"])


def words(error_kind: str | None, status_code: int | None = None) -> str | None:
    """Return a failure in a few words; None where there is no error."""
    found = explain(error_kind, status_code)
    return found.words if found else None
