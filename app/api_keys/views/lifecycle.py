"""Acts that cannot be taken back: revoking, regenerating, ending a grace. Each asks first, naming the key."""

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.api_keys import queries, services
from app.api_keys.forms import RegenerateForm
from app.api_keys.queries import ShownKey
from app.api_keys.views.blueprint import api_keys, effect_of
from app.api_keys.views.keys import lead_to_key
from app.lib.errors import SignalboxError
from app.web import limits
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.rendering import redirect_after, render


@api_keys.get("/<key_id>/revoke")
@require("keys:manage")
def confirm_revoke(key_id: str) -> Response:
    """Ask before a key is revoked."""
    return _question("revoke", queries.get_key(current_team().id, key_id))


@api_keys.post("/<key_id>/revoke")
@require("keys:manage")
@runs_once
def revoke(key_id: str) -> BaseResponse:
    """Revoke a key for good."""
    revoked = services.revoke_key(current_team().id, key_id)
    flash(f"The API key {revoked.name} is revoked. {effect_of(revoked)}", "success")
    return redirect_after(url_for(".index"))


@api_keys.post("/<key_id>/keep")
@require("keys:manage")
@runs_once
def keep(key_id: str) -> BaseResponse:
    """Keep a key that waits for its review."""
    kept = services.keep_key(
        current_team().id, key_id, granted_by=principal().permissions, responsible_id=principal().id
    )
    flash(f"The API key {kept.name} is kept. {effect_of(kept)}", "success")
    return redirect_after(url_for(".show", key_id=key_id))


@api_keys.get("/<key_id>/regenerate")
@require("keys:manage")
def confirm_regenerate(key_id: str) -> Response:
    """Ask how long the old key goes on working."""
    key = queries.get_key(current_team().id, key_id)
    return _question("regenerate", key, form=RegenerateForm(formdata=None))


@api_keys.post("/<key_id>/regenerate")
@require("keys:manage")
@keeps_input(RegenerateForm)
@runs_once
def regenerate(key_id: str) -> BaseResponse:
    """Give a key a new secret and lead to the page that shows it once."""
    team_id = current_team().id
    form = RegenerateForm()
    try:
        if not form.validate():
            return _question("regenerate", queries.get_key(team_id, key_id), form=form, status=422)
        limits.strict("api-key-creation", principal().id)
        created = services.regenerate_key(
            team_id,
            key_id,
            grace_s=int(form.grace_s.data),
            granted_by=principal().permissions,
            granter_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        key = queries.get_key(team_id, key_id)
        return _question("regenerate", key, form=form, status=error.status)
    if not created.is_known_everywhere:
        flash(f"The key is regenerated. {effect_of(created)}", "warning")
    return lead_to_key(created)


@api_keys.get("/<key_id>/end-grace")
@require("keys:manage")
def confirm_end_grace(key_id: str) -> Response:
    """Ask before the old key of a regeneration ends."""
    key = queries.get_key(current_team().id, key_id)
    return _question("end_grace", key, callers=queries.callers_of(current_team().id, key_id))


@api_keys.post("/<key_id>/end-grace")
@require("keys:manage")
@runs_once
def end_grace(key_id: str) -> BaseResponse:
    """End the old key of a regeneration."""
    ended = services.end_grace(current_team().id, key_id)
    flash(f"The old key of {ended.name} has ended. {effect_of(ended)}", "success")
    return redirect_after(url_for(".show", key_id=key_id))


def _question(name: str, key: ShownKey, *, status: int = 200, **context: object) -> Response:
    """Show a confirmation as a page, or in the dialog."""
    return render(
        f"api_keys/{name}.html",
        fragment=f"api_keys/_{name}.html",
        target=f"{name.replace('_', '-')}-key",
        status=status,
        key=key,
        **context,
    )
