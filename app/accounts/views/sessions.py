"""Where the user is signed in, and how to end that."""

from flask import flash, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import queries
from app.accounts.services import sessions as services
from app.accounts.sessions import end_session, renew_session
from app.accounts.views.blueprints import accounts
from app.web.access import signed_in
from app.web.forms import runs_once
from app.web.rendering import redirect_after, render


@accounts.get("/account/sessions")
@signed_in
def sessions() -> BaseResponse:
    shown = queries.sessions_of(current_user.id, current_id=current_user.session_id)
    return render("accounts/sessions.html", sessions=shown)


@accounts.get("/account/sessions/<session_id>/end")
@signed_in
def confirm_end_session(session_id: str) -> BaseResponse:
    shown = queries.get_session(current_user.id, session_id, current_id=current_user.session_id)
    return render(
        "accounts/end_session.html",
        fragment="accounts/_end_session.html",
        target="end-session",
        session=shown,
    )


@accounts.post("/account/sessions/<session_id>/end")
@signed_in
@runs_once
def end_one_session(session_id: str) -> BaseResponse:
    if session_id == current_user.session_id:
        end_session()
        return redirect_after(url_for("accounts.sign_in"))
    services.end_one(current_user.id, session_id)
    flash("The session is ended.", "success")
    return redirect_after(url_for("accounts.sessions"))


@accounts.post("/account/end-sessions")
@signed_in
@runs_once
def end_other_sessions() -> BaseResponse:
    services.end_all(current_user.id, but=current_user.session_id)
    renew_session()
    flash("You are signed out everywhere but here.", "success")
    return redirect_after(url_for("accounts.sessions"))


@accounts.get("/account/sessions/end-all")
@signed_in
def confirm_end_all_sessions() -> BaseResponse:
    return render(
        "accounts/end_all_sessions.html",
        fragment="accounts/_end_all_sessions.html",
        target="end-all-sessions",
    )


@accounts.post("/account/sessions/end-all")
@signed_in
@runs_once
def end_all_sessions() -> BaseResponse:
    services.end_all(current_user.id)
    end_session()
    flash("You are signed out everywhere.", "success")
    return redirect_after(url_for("accounts.sign_in"))
