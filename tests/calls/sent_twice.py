"""Forms of calls, each sent twice: see tests/web/forms/test_sent_twice.py."""

import weakref
from collections.abc import Callable

from tests.calls.graphql.conftest import Desk
from tests.calls.graphql.server import SDL, GraphQLServer
from tests.web.forms.sent import FormScene, Sent, in_team

_ENDPOINT = {
    "name": "Twice",
    "method": "GET",
    "path": "/twice",
    "strategy": "none",
    "pages_max": "10",
    "records_max": "1000",
    "size_max_mib": "5",
    "seconds_max": "30",
}


def _create(scene: FormScene) -> Sent:
    typed = {**_ENDPOINT, "integration_id": scene.ids["integration_id"]}
    return in_team("endpoints/new", **typed)(scene)


def _desk(scene: FormScene) -> Desk:
    """Return an integration with a GraphQL server that lives as long as the scene."""
    server = GraphQLServer().__enter__()
    weakref.finalize(scene, server.__exit__, None, None, None)
    return Desk(scene.app, scene.people, server)


def _schema(form: str, **typed: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        path = f"/t/acme/calls/graphql/schemas/{_desk(scene).id}"
        return Sent(scene.owner, path, f"{path}/{form}", typed)

    return sent


def _proposal(form: str) -> Callable[[FormScene], Sent]:
    """Return a form about a schema that was read after another was saved."""

    def sent(scene: FormScene) -> Sent:
        desk = _desk(scene)
        desk.renew()
        proposed = desk.propose(SDL + "type Shelf { id: ID! }\n")
        assert proposed is not None
        path = f"/t/acme/calls/graphql/schemas/{desk.id}"
        typed = {"seen": f"{proposed.id}:"} if form == "proposal" else {}
        return Sent(scene.owner, f"{path}/proposal", f"{path}/{form}", typed)

    return sent


def _operation(act: str, **typed: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        desk = _desk(scene)
        desk.renew()
        operations = "/t/acme/calls/graphql/operations"
        if act == "create":
            path = f"{operations}/new/{desk.id}"
        else:
            path = f"{operations}/{desk.save('query Broken { broken }')}/{act}"
        return Sent(scene.owner, path, path, typed)

    return sent


FORMS: dict[str, Callable[[FormScene], Sent]] = {
    "endpoints.create": _create,
    "endpoints.delete": in_team("endpoints/{endpoint_id}/delete"),
    "endpoints.update": in_team("endpoints/{endpoint_id}/edit", **_ENDPOINT),
    "graphql.introspect": _schema("introspection"),
    "graphql.send_sdl": _schema("sdl", sdl=SDL),
    "graphql.accept": _proposal("proposal"),
    "graphql.discard": _proposal("discard"),
    "graphql.create": _operation("create", document="query Echo { echo }"),
    "graphql.update": _operation("edit", document="query Echo { echo }"),
    "graphql.delete": _operation("delete"),
}
REPEATABLE = {
    "endpoints.run": "shows what the service answers each time; the service gets one key for both, where it takes keys",
    "graphql.run": "shows what the service answers each time",
}
