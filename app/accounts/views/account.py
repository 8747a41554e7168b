"""One's own account, one's teams, and the theme."""

from urllib.parse import urlsplit

from flask import Response, flash, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import throttle
from app.accounts.forms import EmailForm, NameForm, PasswordForm, TeamForm
from app.accounts.members import teams_of_user
from app.accounts.openid.contract import openid_name
from app.accounts.queries import security_of, teams_with_roles
from app.accounts.services import email_change, users
from app.accounts.services import teams as team_services
from app.accounts.sessions import LAST_TEAM, renew_session
from app.accounts.views.blueprints import accounts, home_of, local_path
from app.extensions import current_settings
from app.lib.errors import NotFound, SignalboxError
from app.web.access import public, signed_in
from app.web.forms import keeps_input, runs_once
from app.web.rendering import redirect_after, render
from app.web.shell import THEME_COOKIE, THEMES

_THEME_KEPT_S = 365 * 86_400


@accounts.get("/account")
@signed_in
def account() -> BaseResponse:
    return _account_page()


@accounts.post("/account/name")
@signed_in
@keeps_input(NameForm, prefix="name-")
@runs_once
def change_name() -> BaseResponse:
    form = NameForm(prefix="name-")
    if not form.validate():
        return _account_page(name_form=form, status=422)
    users.change_name(current_user.id, str(form.name.data))
    flash("Your name is changed.", "success")
    return redirect_after(url_for("accounts.account"))


@accounts.post("/account/email")
@signed_in
@keeps_input(EmailForm, prefix="email-")
@runs_once
def change_email() -> BaseResponse:
    form = EmailForm(prefix="email-")
    if not form.validate():
        return _account_page(email_form=form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        email = email_change.request_change(
            current_user.id, email=str(form.email.data), password=str(form.current_password.data)
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _account_page(email_form=form, status=error.status)
    flash(f"A link was mailed to {email}. Your address changes once you open it.", "success")
    return redirect_after(url_for("accounts.account"))


@accounts.post("/account/password")
@signed_in
@keeps_input(PasswordForm, prefix="password-")
@runs_once
def change_password() -> BaseResponse:
    form = PasswordForm(prefix="password-")
    if not form.validate():
        return _account_page(password_form=form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        users.change_password(
            current_user.id,
            current=str(form.current_password.data),
            new=str(form.new_password.data),
            session_id=current_user.session_id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _account_page(password_form=form, status=error.status)
    renew_session()
    flash("Your password is changed. Sessions on other devices have ended.", "success")
    return redirect_after(url_for("accounts.account"))


@accounts.get("/teams")
@signed_in
def teams() -> BaseResponse:
    return render("teams/index.html", teams=teams_with_roles(current_user.id))


@accounts.get("/teams/new")
@signed_in
def new_team() -> BaseResponse:
    return render("teams/new.html", form=TeamForm())


@accounts.post("/teams/new")
@signed_in
@keeps_input(TeamForm)
@runs_once
def create_team() -> BaseResponse:
    form = TeamForm()
    if not form.validate():
        return render("teams/new.html", status=422, form=form)
    try:
        slug = team_services.create_team(current_user.id, str(form.name.data))
    except SignalboxError as error:
        form.take_errors(error)
        return render("teams/new.html", status=error.status, form=form)
    return redirect_after(home_of(slug))


@accounts.post("/teams/<slug>/switch")
@signed_in
def switch_team(slug: str) -> BaseResponse:
    team = next((team for team in teams_of_user(current_user.id) if team.slug == slug), None)
    if team is None:
        raise NotFound("There is no such team, or you are not in it.")
    users.record_last_team(current_user.id, team.id)
    session[LAST_TEAM] = team.id
    return redirect_after(home_of(team.slug))


@accounts.post("/theme")
@public
def theme() -> BaseResponse:
    chosen = request.form.get("theme", "")
    # The path alone: a page of another site must not choose where the redirect leads.
    came_from = urlsplit(request.headers.get("Referer", "")).path
    response = redirect_after(
        local_path(request.form.get("next")) or local_path(came_from) or url_for("accounts.start")
    )
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=_THEME_KEPT_S,
            samesite="Lax",
            secure=current_settings().public_url.startswith("https://"),
        )
    return response


def _account_page(
    *,
    name_form: NameForm | None = None,
    email_form: EmailForm | None = None,
    password_form: PasswordForm | None = None,
    status: int = 200,
) -> Response:
    return render(
        "accounts/account.html",
        status=status,
        user=current_user,
        teams=teams_with_roles(current_user.id),
        security=security_of(current_user.id),
        openid_name=openid_name(),
        name_form=name_form or NameForm(formdata=None, prefix="name-", data={"name": current_user.name}),
        email_form=email_form or EmailForm(formdata=None, prefix="email-"),
        password_form=password_form or PasswordForm(formdata=None, prefix="password-"),
    )
