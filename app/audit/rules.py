"""Actions, objects and values of the audit trail as text for people. Pure."""

import json

#: Words that are written otherwise than in names.
_WORDS = {"api": "API", "openid": "OpenID", "totp": "two-step sign-in", "ip": "IP"}


def action_words(action: str) -> str:
    """Return an action for people: `api_key.revoked` is "API key revoked"."""
    return _sentence(action.replace(".", "_"))


def object_words(object_type: str) -> str:
    """Return the type of an object for people: `api_key` is "API key"."""
    return _sentence(object_type)


def shown_value(value: object) -> str | None:
    """Return a value before or after a change as one text; None where there was none."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False, indent=2)


def _sentence(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]
