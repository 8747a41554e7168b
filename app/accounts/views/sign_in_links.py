"""Signing in with a mailed link instead of the password."""

from flask import Response
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import throttle
from app.accounts.forms import SignInLinkForm
from app.accounts.services import sign_in_links
from app.accounts.views.blueprints import accounts
from app.accounts.views.link_requests import request_link, requested_page
from app.accounts.views.second_step import enter
from app.lib.errors import NotFound
from app.web.access import public
from app.web.forms import runs_once
from app.web.rendering import render


@accounts.get("/sign-in/link")
@public
def sign_in_link() -> BaseResponse:
    return render("accounts/sign_in_link.html", form=SignInLinkForm())


@accounts.post("/sign-in/link")
@public
@runs_once
def request_sign_in_link() -> BaseResponse:
    return request_link(
        SignInLinkForm(),
        template="accounts/sign_in_link.html",
        request=_request_link,
        next_page="accounts.sign_in_link_requested",
    )


@accounts.get("/sign-in/link/requested")
@public
def sign_in_link_requested() -> BaseResponse:
    return requested_page("accounts/sign_in_link_requested.html", form_page="accounts.sign_in_link")


@accounts.get("/sign-in/link/<token>")
@public
def show_sign_in_link(token: str) -> BaseResponse:
    # A page with a button: programs that follow the links in mails must not use them up.
    user = sign_in_links.find_user_of_link(token)
    if user is None:
        return _invalid_page()
    return render("accounts/sign_in_link_use.html", token=token, email=user.email)


@accounts.post("/sign-in/link/<token>")
@public
@runs_once
def use_sign_in_link(token: str) -> BaseResponse:
    try:
        found = sign_in_links.use_link(token)
    except NotFound:
        return _invalid_page()
    return enter(found, method="link")


def _request_link(email: str) -> None:
    throttle.count_link_request(email)
    sign_in_links.request_link(email)


def _invalid_page() -> Response:
    return render("accounts/sign_in_link_invalid.html", status=404)
