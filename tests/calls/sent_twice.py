"""Forms of calls, each sent twice: see tests/web/forms/test_sent_twice.py."""

from collections.abc import Callable

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


FORMS: dict[str, Callable[[FormScene], Sent]] = {
    "endpoints.create": _create,
    "endpoints.delete": in_team("endpoints/{endpoint_id}/delete"),
    "endpoints.update": in_team("endpoints/{endpoint_id}/edit", **_ENDPOINT),
}
REPEATABLE = {
    "endpoints.run": "shows what the service answers each time; the service gets one key for both, where it takes keys",
}
