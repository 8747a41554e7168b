"""Authentication and authorisation of every request.

Every view carries one of three marks: `@public`, `@signed_in` or `@require("webhooks:manage")`, and its blueprint
names the scheme by which the caller is found (`app.web.schemes`). Both are enforced here, before the request is
parsed. An app with a view that lacks either, or with a permission that no feature declares, does not start. Features
above provide how a principal is found: accounts for people, api_keys for machines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog
from flask import Flask, Response, abort, current_app, g, make_response, redirect, request, url_for
from flask_login import current_user
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as BaseResponse

from app.extensions import AppSlot
from app.lib.errors import AuthenticationFailed, AuthorizationFailed, NotFound
from app.web import limits
from app.web.forms.drafts import keep_input
from app.web.forms.tokens import FIELD as FORM_TOKEN
from app.web.forms.tokens import repeated_response, user_of
from app.web.permissions import is_declared, is_for_operators, note_of
from app.web.rendering import is_htmx, redirect_after
from app.web.schemes import API_KEY, scheme_of

log = structlog.get_logger()

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """The mark of a view. `permission` None: being signed in is enough; `is_public`: open to anybody."""

    permission: str | None = None
    is_public: bool = False
    is_limited: bool = True


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, in which team, and what they may do there."""

    kind: str
    id: str
    name: str
    team_id: str
    permissions: frozenset[str]
    role: str | None = None
    #: An API key for tests: what it emits is marked as a test.
    is_test: bool = False

    def may(self, permission: str) -> bool:
        """Return whether the permission was granted."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class CurrentTeam:
    """The team whose page is shown."""

    id: str
    slug: str
    name: str


#: Finds the signed-in user's principal and team by the team's slug; None for a stranger.
MemberLoader = Callable[[str], tuple[Principal, CurrentTeam] | None]
#: Finds the principal of a presented API key. Raises AuthenticationFailed.
KeyLoader = Callable[[str], Principal]
_load_member = AppSlot[MemberLoader]("member_loader")
_load_key = AppSlot[KeyLoader]("key_loader")


def public(view: View) -> View:
    """Mark a view as open to anybody."""
    return _mark(view, Access(is_public=True))


def probe(view: View) -> View:
    """Mark a view as open to anybody, as often as they like: for load balancers and monitors."""
    return _mark(view, Access(is_public=True, is_limited=False))


def signed_in(view: View) -> View:
    """Mark a view as open to every signed-in user, whatever their team."""
    return _mark(view, Access())


def require(permission: str) -> Callable[[View], View]:
    """Mark a view as needing `permission` in the team of the address or of the API key."""
    return lambda view: _mark(view, Access(permission=permission))


def writes(view: View) -> View:
    """Mark a view that writes although it is fetched with GET: a callback that a browser is sent to.

    Other views are read-only with GET, and wait for no writer.
    """
    view.writes = True  # type: ignore[attr-defined]
    return view


def may_write() -> bool:
    """Return whether the current request may write: by its method, or by the mark of its view."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method not in ("GET", "HEAD") or getattr(view, "writes", False)


def access_of(view: Callable[..., Any]) -> Access | None:
    """Return the mark of a view; None where it is missing."""
    return cast(Access | None, getattr(view, "access", None))


def principal() -> Principal:
    """Return who is calling. Only for views marked with `require()`."""
    return cast(Principal, g.principal)


def find_principal() -> Principal | None:
    """Return who is calling in a team, or None outside of one."""
    return cast(Principal | None, g.get("principal"))


def current_team() -> CurrentTeam:
    """Return the team of the address. Only for pages below `/t/<team>/`."""
    return cast(CurrentTeam, g.team)


def provide_members(app: Flask, load: MemberLoader) -> None:
    """Register `load`, which finds the principal of a signed-in user."""
    _load_member.put(app, load)


def provide_keys(app: Flask, load: KeyLoader) -> None:
    """Register `load`, which finds the principal of an API key."""
    _load_key.put(app, load)


def init_access(app: Flask) -> None:
    """Enforce the marks on every request of the app."""
    app.before_request(_enforce)
    app.url_value_preprocessor(_take_team_from_address)
    app.url_defaults(_keep_team_in_addresses)


def check_views(app: Flask) -> None:
    """Raise ValueError unless every view has a mark with a declared permission, and a scheme."""
    faults = []
    with app.app_context():
        for endpoint, view in app.view_functions.items():
            if endpoint == "static":
                continue
            access = access_of(view)
            if access is None:
                faults.append(f"{endpoint} has none of the marks @public, @signed_in and @require")
            elif access.permission is not None and not is_declared(access.permission):
                faults.append(f"{endpoint} needs {access.permission}, which no feature declares")
            if scheme_of(endpoint) is None:
                faults.append(f"{endpoint} has no scheme: its blueprint is none of Pages, Probes and Api")
    if faults:
        raise ValueError("; ".join(faults))


def _mark(view: View, access: Access) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view


def _take_team_from_address(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.team_slug = values.pop("team", None) if values and request.path.startswith("/t/") else None


def _keep_team_in_addresses(endpoint: str, values: dict[str, Any]) -> None:
    slug = g.get("team_slug")
    if slug and "team" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "team"):
        values["team"] = slug


def _enforce() -> BaseResponse | None:
    if request.endpoint is None or request.endpoint == "static":
        _limit_unknown_addresses()
        return None
    _refuse_nul()
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None:
        log.error("view_without_access_mark", endpoint=request.endpoint)
        abort(500)
    if access.is_public:
        if access.is_limited:
            _take_page_limit()
        return None
    try:
        return _authorise(access)
    except (AuthorizationFailed, NotFound):
        repeated = repeated_response()
        if repeated is None:
            raise
        return repeated


def _authorise(access: Access) -> BaseResponse | None:
    """Find the principal; return the way to sign in where there is none. Raises AuthorizationFailed, NotFound."""
    if scheme_of(request.endpoint or "") is API_KEY:
        g.principal = _load_key.get()(_presented_key())
    else:
        if not current_user.is_authenticated:
            return repeated_response() or sign_in_first()
        _take_page_limit()
        if access.permission is None:
            return None
        found = _load_member.get()(g.team_slug) if g.team_slug else None
        if found is None:
            raise NotFound("There is no such page, or you are not in the team that it belongs to.")
        g.principal, g.team = found
    if access.permission is not None and not g.principal.may(access.permission):
        raise AuthorizationFailed(_missing(g.principal, access.permission))
    return None


def _limit_unknown_addresses() -> None:
    """Count a request that no route serves; a redirect that only adds the slash is served by one."""
    if request.endpoint is None and not isinstance(request.routing_exception, RequestRedirect):
        limits.take_unknown_address()


def _take_page_limit() -> None:
    """Count a page against the user, or against the address of an anonymous visitor. Raises QuotaExceeded."""
    if current_user.is_authenticated:
        limits.take_user(current_user.id, current_user.per_minute)
    else:
        limits.take_public()


def _refuse_nul() -> None:
    """Refuse NULs in the address: no stored text has one, and PostgreSQL fails where it should find nothing."""
    if "\x00" in request.path:
        raise NotFound("There is nothing at this address.")


def _missing(caller: Principal, permission: str) -> str:
    meaning = note_of(permission).lower()
    if caller.kind == "api_key":
        return f"This API key lacks the scope {permission} ({meaning}). Use a key that has it."
    if is_for_operators(permission):
        return f"This is for operators of this installation: {meaning}. They are named with: flask accounts operator"
    return f"Your role in this team ({caller.role}) does not allow this: {meaning}. Ask an admin of the team."


def _presented_key() -> str:
    header = request.headers.get("Authorization", "")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    key = request.headers.get("X-API-Key", "").strip()
    if key:
        return key
    raise AuthenticationFailed(
        "Send an API key: 'Authorization: Bearer sb_live_…' or 'X-API-Key: sb_live_…'."
    )


def sign_in_first() -> BaseResponse:
    """Return the response that sends a visitor without a session to the sign-in page and back afterwards.

    The input of a form is restored then, if its view is marked with the form that it takes.
    """
    page = keep_input()
    is_sent = request.method not in ("GET", "HEAD")
    reason = ("input_kept" if page.is_input_kept else "not_sent") if is_sent else None
    url = url_for("accounts.sign_in", next=page.url, reason=reason)
    if is_htmx():
        # htmx follows a 3xx inside fetch and would put the sign-in page into a table cell.
        response: Response = make_response("", 401)
        response.headers["HX-Redirect"] = url
        return response
    return redirect(url, 303)


def sign_in_again() -> BaseResponse | None:
    """Return where to go on with a form whose session is over, by its token; None for every other form.

    A user who has signed in again in another tab goes back to the form at once. The form is not processed in either
    case.
    """
    user_id = user_of(request.form.get(FORM_TOKEN, ""))
    access = access_of(current_app.view_functions.get(request.endpoint or "", _no_view))
    if user_id is None or access is None or access.is_public:
        return None
    if not current_user.is_authenticated:
        return sign_in_first()
    page = keep_input() if current_user.id == user_id else None
    return redirect_after(page.url) if page and page.url and page.is_input_kept else None


def _no_view() -> None:
    """Placeholder view of addresses that no route serves."""
