"""Forgotten passwords."""

from flask import Response, flash
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import throttle
from app.accounts.forms import ForgotPasswordForm, ResetPasswordForm
from app.accounts.services import users
from app.accounts.views.blueprints import accounts
from app.accounts.views.link_requests import request_link, requested_page
from app.accounts.views.second_step import enter
from app.lib.errors import NotFound, SignalboxError
from app.web.access import public
from app.web.forms import runs_once
from app.web.rendering import render


@accounts.get("/forgot-password")
@public
def forgot_password() -> BaseResponse:
    return render("accounts/forgot_password.html", form=ForgotPasswordForm())


@accounts.post("/forgot-password")
@public
@runs_once
def request_reset() -> BaseResponse:
    return request_link(
        ForgotPasswordForm(),
        template="accounts/forgot_password.html",
        request=_request_reset,
        next_page="accounts.reset_requested",
    )


@accounts.get("/forgot-password/requested")
@public
def reset_requested() -> BaseResponse:
    return requested_page("accounts/reset_requested.html", form_page="accounts.forgot_password")


@accounts.get("/reset-password/<token>")
@public
def reset_password(token: str) -> BaseResponse:
    return _reset_page(ResetPasswordForm(), token)


@accounts.post("/reset-password/<token>")
@public
@runs_once
def store_new_password(token: str) -> BaseResponse:
    form = ResetPasswordForm()
    if not form.validate():
        return _reset_page(form, token, status=422)
    try:
        found = users.reset_password(token, str(form.password.data))
    except NotFound:
        return _reset_page(form, token)
    except SignalboxError as error:
        form.take_errors(error)
        return _reset_page(form, token, status=error.status)
    entered = enter(found, method="reset")
    flash("Your password is changed. Sessions on other devices have ended.", "success")
    return entered


def _request_reset(email: str) -> None:
    throttle.count_reset_request(email)
    users.request_password_reset(email)


def _reset_page(form: ResetPasswordForm, token: str, status: int = 200) -> Response:
    user = users.find_user_of_reset(token)
    if user is None:
        return render("accounts/reset_invalid.html", status=404)
    return render("accounts/reset_password.html", status=status, form=form, token=token, email=user.email)
