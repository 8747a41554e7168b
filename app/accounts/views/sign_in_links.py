"""Signing in with a mailed link instead of the password."""

from flask import Response
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import throttle
from app.accounts.forms import SignInLinkForm
from app.accounts.services import sign_in_links
from app.accounts.views.blueprints import accounts
from app.accounts.views.second_step import enter
from app.lib.errors import NotFound, SignalboxError
from app.web.access import public
from app.web.rendering import render


@accounts.get("/sign-in/link")
@public
def sign_in_link() -> BaseResponse:
    return render("accounts/sign_in_link.html", form=SignInLinkForm())


@accounts.post("/sign-in/link")
@public
def request_sign_in_link() -> BaseResponse:
    form = SignInLinkForm()
    if not form.validate():
        return render("accounts/sign_in_link.html", status=422, form=form)
    email = str(form.email.data)
    try:
        throttle.count_link_request(email)
        sign_in_links.request_link(email)
    except SignalboxError as error:
        form.take_errors(error)
        response = render("accounts/sign_in_link.html", status=error.status, form=form)
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return render("accounts/sign_in_link_requested.html", email=email)


@accounts.get("/sign-in/link/<token>")
@public
def show_sign_in_link(token: str) -> BaseResponse:
    # A page with a button: programs that look at the links in mails must not use them up.
    user = sign_in_links.find_user_of_link(token)
    if user is None:
        return _worthless()
    return render("accounts/sign_in_link_use.html", token=token, email=user.email)


@accounts.post("/sign-in/link/<token>")
@public
def use_sign_in_link(token: str) -> BaseResponse:
    try:
        found = sign_in_links.use_link(token)
    except NotFound:
        return _worthless()
    return enter(found, method="link")


def _worthless() -> Response:
    return render("accounts/sign_in_link_invalid.html", status=404)
