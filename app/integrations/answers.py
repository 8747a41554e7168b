"""Reads and checks what people answer to a provider's fields."""

from collections.abc import Callable, Mapping, Sequence

from app.extensions import current_settings
from app.integrations.addresses import (
    MissingValue,
    expand,
    is_header_name,
    is_host,
    is_host_label,
    is_path,
    is_path_segment,
    origin_of,
)
from app.integrations.spec import Field, Provider
from app.lib.errors import FieldError
from app.lib.outbound import AllowedNetworks, UrlRefused, check_url
from app.lib.redact import MASK

#: Of the connection, not of the service (RFC 9110 §7.6.1, RFC 9112 §6).
_HEADERS_OF_CONNECTIONS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
)
_MULTILINE_CONTROLS = frozenset("\n\r\t")
_MOVED = (
    "The integration moves to another server: write this secret again. What was meant for one server is not sent to"
    " another by itself."
)


class Answers:
    """The answers to a provider's fields: `config` and `secrets` by name, and the `errors` of those that are not taken.

    A secret that is masked or left out is the stored one.
    """

    def __init__(
        self,
        provider: Provider,
        fields: Sequence[Field],
        given: Mapping[str, str],
        stored: Mapping[str, str],
    ) -> None:
        self._provider = provider
        self._kept: list[Field] = []
        self.config: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.errors: list[FieldError] = []
        # What another way to authenticate asks for is dropped with the change to this one.
        known = [asked.name for asked in provider.all_fields]
        if given.keys() - set(known):
            # The unknown name is not repeated: it may be a secret in the wrong place.
            fields_taken = ", ".join(known) or "none"
            self.errors.append(
                FieldError("config", f"{provider.name} has no such field. It has: {fields_taken}.")
            )
        for asked in fields:
            name, text = asked.name, str(given.get(asked.name) or "").strip()
            if asked.kind == "secret" and text in {"", MASK}:
                if name in stored:
                    self.secrets[name] = stored[name]
                    self._kept.append(asked)
                continue
            text = text or asked.default
            problem = _problem_of(asked, text) if text else None
            if problem is not None:
                self.errors.append(FieldError(name, problem))
            elif text:
                if _is_address(asked) and not text.isascii():
                    text = check_url(text, _allowed_networks())
                (self.secrets if asked.kind == "secret" else self.config)[name] = text

    def refuse_moved_secrets(self, before: Mapping[str, str]) -> None:
        """Add an error for each secret that was kept although the configuration now leads to another server."""
        known = destinations(self._provider, before)
        if not self.errors and known and known != destinations(self._provider, self.config):
            self.errors += [FieldError(asked.name, _MOVED) for asked in self._kept]


def destinations(provider: Provider, config: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the origins that secrets are sent to with this configuration.

    What is not known before it is connected is left out.
    """
    templates = [provider.base_url_of(method) for method in provider.auth_methods]
    templates += [check.url for method in provider.auth_methods if (check := provider.check_of(method))]
    if provider.oauth:
        oauth = provider.oauth
        templates += [oauth.token_url, oauth.refresh_url, oauth.revocation_url, oauth.introspection_url]
        templates += [oauth.details_url, oauth.revocation.url if oauth.revocation else ""]
    found: set[tuple[str, str]] = set()
    for template in filter(None, templates):
        try:
            found.add(origin_of(expand(template, config)))
        except MissingValue:
            continue
    return found


def _problem_of(asked: Field, text: str) -> str | None:
    """Return what is wrong with an answer, in words that say what to do; None: nothing."""
    if len(text) > asked.max_chars:
        return f"Write at most {asked.max_chars} characters."
    allowed = _MULTILINE_CONTROLS if asked.kind == "multiline" else frozenset()
    if not all(char.isprintable() or char in allowed for char in text):
        return "It holds a character that cannot be printed. Remove it."
    if asked.kind == "choice" and text not in {value for value, _ in asked.choices}:
        return f"Choose one of: {', '.join(label for _, label in asked.choices)}."
    if _is_address(asked) or text.startswith(("http://", "https://")):
        try:
            check_url(text, _allowed_networks())
        except UrlRefused as error:
            return str(error)
    fits, advice = _FORMS.get(asked.form, (bool, ""))
    return None if fits(text) else advice


def _is_address(asked: Field) -> bool:
    return asked.kind == "url" or asked.form == "url"


def _allowed_networks() -> AllowedNetworks:
    return AllowedNetworks.parse(current_settings().outbound_allowed_networks)


def _is_settable_header(text: str) -> bool:
    return is_header_name(text) and text.lower() not in _HEADERS_OF_CONNECTIONS


#: What fits each form, and what to do where a text does not.
_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "label": (is_host_label, "Write the name alone: letters, digits and hyphens, without dots and slashes."),
    "host": (is_host, "Write the host name alone, such as api.example.com: no https://, no path."),
    "path_segment": (is_path_segment, "Leave out slashes, question marks, percent signs and #."),
    "path": (is_path, "Begin with a slash, and leave out spaces, # and braces: /me."),
    "token": (_is_settable_header, "Write the name of a header alone, such as X-Api-Key."),
}
