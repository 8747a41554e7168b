"""The way in: start page, sign-in, sign-out, sign-up, and the first owner's set-up."""

import contextlib

from flask import Response, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import known_devices, throttle, tokens
from app.accounts.forms import SignInForm, SignUpForm
from app.accounts.members import teams_of_user
from app.accounts.openid.contract import openid_name
from app.accounts.queries import any_user_exists
from app.accounts.services import users
from app.accounts.services.users import NewPerson
from app.accounts.sessions import LAST_TEAM, end_session, start_session
from app.accounts.views.blueprints import accounts, home_of, local_path
from app.accounts.views.second_step import enter
from app.config import SignUp
from app.extensions import current_settings
from app.jobs.table import enqueue
from app.lib.errors import AuthorizationFailed, NotFound, RateLimited, SignalboxError, Unavailable
from app.web.access import public
from app.web.forms import runs_once
from app.web.rendering import redirect_after, render, retry_later

#: Why a user has to sign in again, by the code in the address.
_REASONS = {
    "input_kept": "Your session ended before the form was sent, so nothing was saved. Sign in to get back to it: your"
    " input is kept for 30 minutes, but for passwords and other secrets.",
    "not_sent": "Your session ended, so what you sent was not done. Sign in, then do it again.",
}
_WRONG = "Email address or password is wrong. Check both, or reset the password."


@accounts.get("/")
@public
def start() -> BaseResponse:
    if not current_user.is_authenticated:
        return redirect_after(url_for("accounts.sign_in"))
    return redirect_after(_start_page())


@accounts.get("/sign-in")
@public
def sign_in() -> BaseResponse:
    if current_user.is_authenticated:
        return redirect_after(local_path(request.args.get("next")) or _start_page())
    return _sign_in_page(SignInForm())


@accounts.post("/sign-in")
@public
@runs_once
def start_signed_in_session() -> BaseResponse:
    form = SignInForm()
    if not form.validate():
        return _sign_in_page(form, status=422)
    email = str(form.email.data)
    try:
        counted = throttle.count_sign_in(email, device_id=known_devices.find_device(email))
    except RateLimited as error:
        form.take_errors(error)
        return retry_later(_sign_in_page(form, status=429), error)
    found = users.authenticate(email, str(form.password.data))
    if found is None:
        _note_failure(email)
        form.form_errors = [_WRONG]
        return _sign_in_page(form, status=422)
    throttle.sign_in_succeeded(counted)
    return enter(found, method="password", next_path=local_path(request.args.get("next")))


def _note_failure(email: str) -> None:
    """Have a worker record it, whether there is such an account or not: the time must not reveal it."""
    with contextlib.suppress(Unavailable):
        enqueue("accounts.note_failed_sign_in", users.id_of_address(email), request.remote_addr)


@accounts.post("/sign-out")
@public
def sign_out() -> BaseResponse:
    if current_user.is_authenticated and session.get(LAST_TEAM):
        users.record_last_team(current_user.id, session[LAST_TEAM])
    end_session()
    return redirect_after(url_for("accounts.sign_in"))


@accounts.get("/sign-up")
@public
def sign_up() -> BaseResponse:
    if current_user.is_authenticated:
        return redirect_after(url_for("accounts.start"))
    if current_settings().sign_up is not SignUp.OPEN:
        return render("accounts/sign_up_closed.html", nobody_yet=not any_user_exists())
    return _sign_up_page(SignUpForm())


@accounts.post("/sign-up")
@public
@runs_once
def create_account() -> BaseResponse:
    if current_settings().sign_up is not SignUp.OPEN:
        raise AuthorizationFailed(
            "Only people with an invitation can sign up here. Ask an admin of your team for a link."
        )
    form = SignUpForm()
    if not form.validate():
        return _sign_up_page(form, status=422)
    try:
        throttle.count_sign_up()
        signed_up = users.sign_up(_person(form), team_name=str(form.team_name.data))
    except SignalboxError as error:
        form.take_errors(error)
        return retry_later(_sign_up_page(form, status=error.status), error)
    start_session(signed_up.user_id, method="sign_up")
    return redirect_after(home_of(signed_up.team_slug))


@accounts.get("/setup/<token>")
@public
def setup(token: str) -> BaseResponse:
    if not tokens.is_first_owner_token(token):
        raise NotFound("This set-up link is not valid. Make a new one: flask accounts first-owner-link")
    if any_user_exists():
        return render("accounts/set_up_already.html")
    return _setup_page(SignUpForm(), token)


@accounts.post("/setup/<token>")
@public
@runs_once
def create_first_owner(token: str) -> BaseResponse:
    form = SignUpForm()
    if not form.validate():
        return _setup_page(form, token, status=422)
    try:
        throttle.count_sign_up()
        signed_up = users.sign_up_first_owner(_person(form), team_name=str(form.team_name.data), token=token)
    except NotFound:
        raise
    except SignalboxError as error:
        form.take_errors(error)
        return retry_later(_setup_page(form, token, status=error.status), error)
    start_session(signed_up.user_id, method="sign_up")
    return redirect_after(home_of(signed_up.team_slug))


def _start_page() -> str:
    """Return where a signed-in user goes on: the team they saw last, their only one, or the list."""
    teams = teams_of_user(current_user.id)
    by_id = {team.id: team for team in teams}
    last = by_id.get(session.get(LAST_TEAM, "")) or by_id.get(current_user.last_team_id or "")
    if last is None and len(teams) == 1:
        last = teams[0]
    return home_of(last.slug) if last else url_for("accounts.teams")


def _person(form: SignUpForm) -> NewPerson:
    return NewPerson(str(form.name.data), str(form.email.data), str(form.password.data))


def _sign_in_page(form: SignInForm, status: int = 200) -> Response:
    return render(
        "accounts/sign_in.html",
        status=status,
        form=form,
        next_path=local_path(request.args.get("next")),
        reason=reason if (reason := request.args.get("reason")) in _REASONS else None,
        why=_REASONS.get(request.args.get("reason", "")),
        can_sign_up=current_settings().sign_up is SignUp.OPEN,
        openid_name=openid_name(),
    )


def _sign_up_page(form: SignUpForm, status: int = 200) -> Response:
    return render("accounts/sign_up.html", status=status, form=form)


def _setup_page(form: SignUpForm, token: str, status: int = 200) -> Response:
    return render("accounts/setup.html", status=status, form=form, token=token)
