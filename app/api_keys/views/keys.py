"""The list of keys, a key, and the forms that make and change one."""

from collections.abc import Collection
from dataclasses import dataclass

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.api_keys import queries, services
from app.api_keys.forms import KeyForm, form_of, offer_keeping
from app.api_keys.presentation import limits_now, usage_rows
from app.api_keys.queries import KEYS, ShownKey
from app.api_keys.rules import EXPIRY_WARNING_DAYS
from app.api_keys.services import CreatedKey
from app.api_keys.usage.queries import statuses_of
from app.api_keys.views.blueprint import api_keys, effect_of
from app.audit.latest import latest_change
from app.extensions import current_settings
from app.lib.errors import PreconditionFailed, SignalboxError
from app.web import limits
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.one_time_secrets import ShownSecret, lead_to_secret, take_once
from app.web.permissions import declared_permissions, permission_groups
from app.web.rendering import redirect_after, render, retry_later

CHART_DAYS = 7
_EXAMPLE = """curl {url}/api/v1/me \\
  -H "Authorization: Bearer $SIGNALBOX_API_KEY"
"""


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """A scope in the form. `is_offered` False: it cannot be ticked, because the user lacks it."""

    name: str
    note: str
    is_chosen: bool
    is_offered: bool


@dataclass(frozen=True, slots=True)
class ScopeGroup:
    """Scopes that stand together in the form."""

    title: str
    choices: list[ScopeChoice]

    @property
    def chosen_count(self) -> int:
        """How many are ticked."""
        return sum(choice.is_chosen for choice in self.choices)


_COLUMNS = (
    ("Name", ""), ("Key", ""), ("State", ""), ("Scopes", ""), ("Uses, 24 h", "text-end"), ("Uses", "text-end"),
    ("Last used", ""),
)  # fmt: skip
_CELLS = (
    "id", "name", "key=masked", "is_test", "state", "scopes", "networks", "per_hour", "per_day", "uses_24h=used_lately",
    "uses=used_count", "last_used_at", "last_address", "created_at", "created_by", "changed_at", "expires_at", "revoked_at",
    "old_key=previous_masked", "old_key_ends_at=previous_ends_at", "review_since", "review_reason",
)  # fmt: skip
_LIST = ListPage(
    spec=KEYS,
    name="key",
    singular="API key",
    plural="API keys",
    endpoint="api_keys.index",
    templates="api_keys",
    columns=_COLUMNS,
    export_endpoint="api_keys.export",
    cells=_CELLS,
    hides_filters_when_blank=True,
)


@api_keys.get("/")
@require("keys:manage")
def index() -> Response:
    """List the team's keys, with how they are used and which need attention."""
    return _LIST.show()


@api_keys.get("/export.csv")
@require("keys:manage")
def export() -> Response:
    """Download what the filters choose, as CSV. Of each key only what is public of it."""
    return _LIST.download()


@api_keys.get("/new")
@require("keys:manage")
def new() -> Response:
    """Show the form for a new key."""
    return _form_page(KeyForm(formdata=None))


@api_keys.post("/new")
@require("keys:manage")
@keeps_input(KeyForm)
@runs_once
def create() -> BaseResponse:
    """Create a key and lead to the page that shows it once."""
    form = KeyForm()
    try:
        settings = form.settings()
        limits.strict("api-key-creation", principal().id)
        created = services.create_key(
            current_team().id,
            settings.pop("name"),
            **settings,
            granted_by=principal().permissions,
            created_by_id=principal().id,
            is_test=form.is_test,
        )
    except SignalboxError as error:
        form.take_errors(error, form.field_names)
        return _form_page(form, error=error)
    return lead_to_key(created)


@api_keys.get("/<key_id>")
@require("keys:manage")
def show(key_id: str) -> Response:
    """Show a key: its state, its use, its limits and settings; right after it was made, the key itself."""
    return _key_page(key_id, take_once(key_id))


def lead_to_key(created: CreatedKey) -> BaseResponse:
    """Return the way to the page that shows a new key, once."""
    return lead_to_secret(
        created.id,
        created.token,
        url=url_for(".show", key_id=created.id),
        page=lambda shown: _key_page(created.id, shown),
    )


def _key_page(key_id: str, shown: ShownSecret) -> Response:
    team_id = current_team().id
    key = queries.get_key(team_id, key_id)
    per_day = request.args.get("by") == "day"
    hours = queries.usage_of(team_id, key_id, days=CHART_DAYS)
    return render(
        "api_keys/show.html",
        fragment="api_keys/_usage.html",
        target="key-usage",
        key=key,
        shown=shown,
        missing_scopes=services.lacking(key.scopes, principal().permissions),
        scope_notes={permission.name: permission.note for permission in declared_permissions()},
        warning_days=EXPIRY_WARNING_DAYS,
        chart_rows=usage_rows(hours, per_day=per_day),
        has_uses=any(hour.used or hour.refused for hour in hours),
        chart_days=CHART_DAYS,
        is_per_day=per_day,
        limits_now=limits_now(statuses_of(team_id, key)),
        callers=queries.callers_of(team_id, key_id) if key.previous_ends_at else (),
        example=_EXAMPLE.format(url=current_settings().public_url),
    )


@api_keys.get("/<key_id>/edit")
@require("keys:manage")
def edit(key_id: str) -> BaseResponse:
    """Show the form that changes a key."""
    key = queries.get_key(current_team().id, key_id)
    if key.revoked_at is not None:
        flash("A revoked key stays as it was. Create a new one.", "error")
        return redirect_after(url_for(".show", key_id=key_id))
    return _form_page(form_of(key), key=key)


@api_keys.post("/<key_id>/edit")
@require("keys:manage")
@keeps_input(KeyForm)
@runs_once
def update(key_id: str) -> BaseResponse:
    """Change a key."""
    key = queries.get_key(current_team().id, key_id)
    form = offer_keeping(KeyForm(), key)
    try:
        changed = services.change_key(
            current_team().id,
            key_id,
            form.settings(),
            granted_by=principal().permissions,
            expected=form.expected_version,
        )
    except PreconditionFailed as error:
        key = queries.get_key(current_team().id, key_id)
        change = latest_change(current_team().id, key_id, "api_key.updated")
        form = offer_keeping(form, key)
        form.show_conflict(form_of(key), change, newer_url=url_for(".edit", key_id=key_id))
        return _form_page(form, key=key, error=error)
    except SignalboxError as error:
        form.take_errors(error, form.field_names)
        return _form_page(form, key=key, error=error)
    flash(f"The API key {changed.name} was changed. {effect_of(changed)}", "success")
    return redirect_after(url_for(".show", key_id=key_id))


def _form_page(
    form: KeyForm, *, key: ShownKey | None = None, error: SignalboxError | None = None
) -> Response:
    response = render(
        "api_keys/form.html",
        fragment="api_keys/_form.html",
        target="key-form",
        status=error.status if error else 200,
        form=form,
        key=key,
        groups=_groups(form.scopes.data or (), key.scopes if key else ()),
        action=url_for(".update", key_id=key.id) if key else url_for(".create"),
    )
    return response if error is None else retry_later(response, error)


def _groups(chosen: Collection[str], already: Collection[str]) -> list[ScopeGroup]:
    mine = principal().permissions
    return [
        ScopeGroup(
            group.value,
            [
                ScopeChoice(
                    one.name,
                    one.note,
                    is_chosen=one.name in chosen and (one.name in mine or one.name in already),
                    is_offered=one.name in mine or one.name in already,
                )
                for one in permissions
            ],
        )
        for group, permissions in permission_groups()
    ]
