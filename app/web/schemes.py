"""How a route authenticates its caller. Each blueprint names its scheme; nothing is inferred from an address."""

from dataclasses import dataclass

from flask import Blueprint, current_app, request
from flask_openapi import APIBlueprint

#: Below it programs get problem+json, also where there is no route.
API_PREFIX = "/api/"
#: The page about the API: the one address below the prefix that is for people.
DOCS_PATH = "/api/docs"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to authenticate. `answers_json`: its callers are programs, and errors are problem+json."""

    name: str
    answers_json: bool
    #: Forms carry a token against forged requests. Programs have no cookies that could be abused.
    checks_csrf: bool


#: A person, by the cookie of their session.
SESSION = Scheme("session", answers_json=False, checks_csrf=True)
#: A program of a team, by an API key.
API_KEY = Scheme("api_key", answers_json=True, checks_csrf=False)
#: Anybody: no credentials are read.
ANONYMOUS = Scheme("anonymous", answers_json=True, checks_csrf=True)


class Pages(Blueprint):
    """Pages for people."""

    scheme = SESSION


class Probes(Blueprint):
    """Addresses for load balancers and monitors."""

    scheme = ANONYMOUS


class Api(APIBlueprint):
    """Routes for programs, described in OpenAPI."""

    scheme = API_KEY


def scheme_of(endpoint: str) -> Scheme | None:
    """Return the scheme of an endpoint of the current app: that of its blueprint; None where none names one."""
    name, has_blueprint, _ = endpoint.rpartition(".")
    blueprint = current_app.blueprints.get(name) if has_blueprint else None
    return getattr(blueprint, "scheme", None)


def wants_json() -> bool:
    """Return whether the caller is a program: errors are then problem+json."""
    scheme = scheme_of(request.endpoint) if request.endpoint else None
    if scheme is not None:
        return scheme.answers_json
    return request.path.startswith(API_PREFIX) and request.path != DOCS_PATH
