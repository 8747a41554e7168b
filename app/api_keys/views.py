"""Pages of API keys."""

from flask import Blueprint, Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.api_keys import queries, services
from app.api_keys.forms import NewKeyForm
from app.extensions import current_settings
from app.lib.errors import SignalboxError
from app.web.access import current_team, principal, require
from app.web.once import show_once, take_once
from app.web.permissions import PERMISSIONS
from app.web.rendering import redirect_after, render

api_keys = Blueprint("api_keys", __name__, url_prefix="/t/<team>/api-keys")

_EXAMPLE = """curl {url}/api/v1/events \\
  -H "Authorization: Bearer $SIGNALBOX_API_KEY"
"""


@api_keys.get("/")
@require("keys:manage")
def index() -> Response:
    """List the team's keys."""
    return render("api_keys/index.html", keys=queries.keys_of_team(current_team().id))


@api_keys.get("/new")
@require("keys:manage")
def new() -> Response:
    """Show the form for a new key."""
    return _form_page(_form())


@api_keys.post("/new")
@require("keys:manage")
def create() -> BaseResponse:
    """Create a key and lead to the page that shows it once."""
    form = _form()
    if not form.validate():
        return _form_page(form, status=422)
    try:
        created = services.create_key(
            current_team().id,
            str(form.name.data),
            scopes=form.scopes.data or [],
            granted_by=principal().permissions,
            created_by_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, status=error.status)
    show_once(created.id, created.token)
    return redirect_after(url_for("api_keys.show", key_id=created.id))


@api_keys.get("/<key_id>")
@require("keys:manage")
def show(key_id: str) -> Response:
    """Show a key's settings, and right after its creation the key itself."""
    return render(
        "api_keys/show.html",
        key=queries.get_key(current_team().id, key_id),
        token=take_once(key_id),
        scope_notes=PERMISSIONS,
        example=_EXAMPLE.format(url=current_settings().public_url),
    )


@api_keys.get("/<key_id>/revoke")
@require("keys:manage")
def confirm_revoke(key_id: str) -> Response:
    """Ask before a key is revoked."""
    key = queries.get_key(current_team().id, key_id)
    return render("api_keys/revoke.html", fragment="api_keys/_revoke.html", target="revoke-key", key=key)


@api_keys.post("/<key_id>/revoke")
@require("keys:manage")
def revoke(key_id: str) -> BaseResponse:
    """Revoke a key for good."""
    revoked = services.revoke_key(current_team().id, key_id)
    flash(f"The API key {revoked.name} is revoked.", "success")
    return redirect_after(url_for("api_keys.index"))


def _form() -> NewKeyForm:
    form = NewKeyForm()
    form.offer(principal().permissions)
    return form


def _form_page(form: NewKeyForm, status: int = 200) -> Response:
    return render("api_keys/new.html", status=status, form=form, scope_notes=PERMISSIONS)
