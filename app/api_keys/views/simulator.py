"""The page that says whether a key would be allowed to call something."""

from flask import Response, request

from app.api_keys import queries
from app.api_keys.forms import SimulationForm
from app.api_keys.simulation import METHODS, Verdict, api_paths, build_call, simulate
from app.api_keys.views.blueprint import api_keys
from app.lib.errors import SignalboxError
from app.web.access import current_team, require
from app.web.rendering import render


@api_keys.get("/<key_id>/simulate")
@require("keys:manage")
def simulate_call(key_id: str) -> Response:
    """Check the call that the query describes; nothing is called."""
    team_id = current_team().id
    key = queries.get_key(team_id, key_id)
    is_asked = "path" in request.args
    form = SimulationForm(request.args if is_asked else None, address=request.remote_addr)
    verdict: Verdict | None = None
    status = 200
    if is_asked:
        try:
            verdict = simulate(team_id, key, build_call(**form.call()))
        except SignalboxError as error:
            form.take_errors(error)
            status = error.status
    return render(
        "api_keys/simulate.html",
        fragment="api_keys/_simulation.html",
        target="simulation",
        status=status,
        key=key,
        form=form,
        verdict=verdict,
        methods=METHODS,
        paths=api_paths(),
    )
