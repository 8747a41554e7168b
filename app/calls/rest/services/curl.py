"""A call as a command line that sends it."""

import shlex
from collections.abc import Sequence

from app.integrations.addresses import names_in
from app.integrations.services.access import Access
from app.integrations.spec import BasicAuth, HeaderAuth, OAuthAuth, QueryAuth
from app.lib import redact

#: Stands for the credentials: a variable of the shell.
_TOKEN = "$TOKEN"  # noqa: S105 - the name of a variable


def curl_of(access: Access, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> str:
    """Return the command for a POSIX shell, with `$TOKEN` in place of the credentials."""
    placement = access.placement
    lines = [
        f"curl -X {method}" if method not in ("GET", "HEAD") else f"curl{' -I' if method == 'HEAD' else ''}"
    ]
    match placement:
        case QueryAuth():
            parameter = _config_in(access, placement.parameter)
            url = f"{url}{'&' if '?' in url else '?'}{parameter}={_TOKEN}"
        case BasicAuth():
            user = _config_in(access, placement.user)
            password = _TOKEN if placement.password else ""
            lines.append(f"-u {_quoted(access, f'{user}:{password}')}")
        case HeaderAuth() | OAuthAuth():
            name, value = _config_in(access, placement.header), _config_in(access, placement.value)
            lines.append(f"-H {_quoted(access, f'{name}: {value}')}")
    given = {name.lower() for name, _ in headers}
    own = [(name, value) for name, value in access.headers.items() if name.lower() not in given]
    lines[0] += f" {_quoted(access, url)}"
    lines += [f"-H {_quoted(access, f'{name}: {value}')}" for name, value in (*own, *headers)]
    if body:
        lines.append(f"-d {_quoted(access, body.decode())}")
    return " \\\n  ".join(lines)


def _config_in(access: Access, template: str) -> str:
    """Return a template with its secrets as `$TOKEN`, and with what is no secret."""
    secrets = set(access.secret_values)
    for name in names_in(template):
        value = access.values.get(name, "")
        shown = _TOKEN if not value or value in secrets else value
        template = template.replace(f"{{{name}}}", shown)
    return template


def _quoted(access: Access, text: str) -> str:
    """Return the text as one word in which the shell replaces `$TOKEN` and nothing else."""
    text = redact.text(text, secret_values=access.secret_values).replace(redact.MASK, _TOKEN)
    return f'"{_TOKEN}"'.join(shlex.quote(part) if part else "" for part in text.split(_TOKEN)) or "''"
