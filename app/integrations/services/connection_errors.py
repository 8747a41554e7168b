"""Why something was not connected, in words for people that say what to do."""

from app.integrations.services.registrations import OAuthSetup
from app.lib.errors import Conflict, SignalboxError, Unavailable
from app.oauth.contract import ClientRefused, GrantRefused, OAuthError, ProviderUnavailable, WrongIssuer

#: Codes of RFC 6749 §4.1.2.1, in words.
_AUTHORIZATION_ERRORS = {
    "access_denied": "The consent was not given at {provider}. Connect again when somebody may give it.",
    "invalid_scope": "{provider} does not know or allow one of the scopes. Correct them in the settings, then connect.",
    "unauthorized_client": "{provider} does not let the app connect accounts this way. Look at the app's settings there.",
    "unsupported_response_type": "{provider} does not give codes to the app. Look at the app's settings there.",
    "invalid_request": "{provider} did not understand the request. Compare redirect address and scopes with the app's"
    " settings there.",
}


def refusal_of(setup: OAuthSetup, code: str) -> SignalboxError:
    """Return what an error means that the provider sent the browser back with (RFC 6749 §4.1.2.1)."""
    name = setup.provider.name
    if code in ("server_error", "temporarily_unavailable"):
        return Unavailable(f"{name} has trouble of its own now. Connect again in some minutes.")
    words = _AUTHORIZATION_ERRORS.get(code)
    if words is not None:
        return Conflict(words.format(provider=name))
    shown = "".join(char for char in code[:60] if char.isalnum() or char in "_-. ")
    return Conflict(f"{name} refused, with the error {shown or 'that it does not name'}. Connect again.")


def explained(setup: OAuthSetup, error: OAuthError, code: str) -> SignalboxError:
    """Return the error in words for people, and what to do."""
    name, told = setup.provider.name, setup.masked(str(error), None, code)
    match error:
        case WrongIssuer():
            return Conflict(
                f"The browser came back from another server than {name}, so nothing was sent there. Begin again; if it"
                " stays so, compare the issuer in the settings with what the service calls itself."
            )
        case GrantRefused():
            return Conflict(
                f"{name} does not accept the code ({told}). It works once, and soon ends: connect again."
            )
        case ClientRefused():
            return Conflict(
                f"{name} does not accept the app's client id or secret ({told}). Correct the app, then connect again."
            )
        case ProviderUnavailable():
            return Unavailable(f"{name} did not give the tokens ({told}). Connect again in some minutes.")
        case _:
            return Conflict(f"{name} gave no token that can be used ({told}).")
