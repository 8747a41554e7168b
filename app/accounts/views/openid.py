"""The company's OpenID provider: signing in, joining and linking through it."""

from collections.abc import Mapping

import structlog
from flask import Response, flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import queries, throttle
from app.accounts.forms import LinkForm
from app.accounts.openid.contract import Identity, NotProven, openid_client, openid_name
from app.accounts.services import openid as services
from app.accounts.sessions import start_session
from app.accounts.views.blueprints import accounts, home_of, local_path
from app.lib.errors import NotFound, SignalboxError, Unavailable
from app.oauth import states
from app.oauth.contract import ProviderUnavailable
from app.oauth.states import PendingAuthorization
from app.web.access import public, signed_in, writes
from app.web.forms import runs_once
from app.web.mails import absolute_url
from app.web.rendering import redirect_after, render

log = structlog.get_logger()

#: The provider's name in stored authorizations. Purposes: sign_in; link, to the user's account; join, by an invitation.
_PROVIDER = "openid"


@accounts.get("/sign-in/openid")
@public
def openid_sign_in() -> BaseResponse:
    next_path = local_path(request.args.get("next"))
    # A link, not a form: browsers hold `form-action` against every redirect that follows a form, and the provider's
    # pages redirect as they like. Started from another site, it only signs users in as themselves.
    return redirect(_begin("sign_in", details={"next_path": next_path} if next_path else {}), 303)


@accounts.get("/invitations/<token>/openid")
@public
def openid_join(token: str) -> BaseResponse:
    # The invitation is checked when the visitor is back; no transaction waits for the provider.
    return redirect(_begin("join", details={"invitation": token}), 303)


@accounts.get("/account/openid")
@signed_in
def openid_accounts() -> BaseResponse:
    return _link_page(LinkForm(formdata=None))


@accounts.post("/account/openid")
@signed_in
def openid_link() -> BaseResponse:
    form = LinkForm()
    if not form.validate():
        return _link_page(form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        services.check_may_link(current_user.id, str(form.current_password.data))
        address = _begin("link", user_id=current_user.id)
    except SignalboxError as error:
        form.take_errors(error)
        return _link_page(form, status=error.status)
    response = render("accounts/openid_continue.html", address=address, openid_name=openid_name())
    # Not a redirect, for the same reason as above.
    response.headers["Refresh"] = f"0; url={address}"
    return response


@accounts.get("/account/openid/<account_id>/unlink")
@signed_in
def confirm_openid_unlink(account_id: str) -> BaseResponse:
    return _unlink_page(account_id, LinkForm(formdata=None))


@accounts.post("/account/openid/<account_id>/unlink")
@signed_in
@runs_once
def openid_unlink(account_id: str) -> BaseResponse:
    form = LinkForm()
    if not form.validate():
        return _unlink_page(account_id, form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        services.unlink(current_user.id, account_id, password=str(form.current_password.data))
    except NotFound:
        raise
    except SignalboxError as error:
        form.take_errors(error)
        return _unlink_page(account_id, form, status=error.status)
    flash("The company account is unlinked. It does not sign you in any more.", "success")
    return redirect_after(url_for("accounts.openid_accounts"))


@accounts.get("/sign-in/openid/callback")
@public
@writes
def openid_callback() -> BaseResponse:
    """Take the browser back from the provider. Everything is checked before anything is changed."""
    client = openid_client()
    pending = states.take(request.args.get("state", ""), provider=_PROVIDER)
    if pending is None:
        return _failed(
            "This sign-in is over",
            "It was finished already, took longer than ten minutes, or began in another browser.",
            400,
        )
    try:
        client.check_sender(request.args.get("iss"))
        if "error" in request.args:
            return _refused_there(request.args["error"])
        identity = client.finish(
            code=request.args.get("code", ""),
            redirect_uri=_redirect_uri(),
            verifier=pending.verifier,
            nonce=pending.nonce,
        )
    except NotProven as error:
        log.warning("openid_not_proven", reason=str(error))
        return _failed(
            "That was no proof",
            "What the provider answered does not prove who you are, so nobody was signed in. If it happens again,"
            " tell your operator: the reason is in the log.",
            403,
        )
    except ProviderUnavailable:
        return _failed_there()
    try:
        services.refuse_unless_allowed(identity)
        return _finish(pending, identity)
    except SignalboxError as error:
        return _failed(error.title, error.detail, error.status)


def _finish(pending: PendingAuthorization, identity: Identity) -> BaseResponse:
    if pending.purpose == "link":
        if not current_user.is_authenticated or current_user.id != pending.user_id:
            return _failed("You are signed out", "Sign in, then link the company account again.", 403)
        services.link(current_user.id, identity)
        flash("The company account is linked. It signs you in from now on.", "success")
        return redirect_after(url_for("accounts.openid_accounts"))
    user_id = services.find_user_of(identity)
    invitation = pending.details.get("invitation")
    if pending.purpose == "join" and invitation:
        if user_id is None:
            signed_up = services.join(identity, invitation)
            start_session(signed_up.user_id, method="openid")
            return redirect_after(home_of(signed_up.team_slug))
        start_session(user_id, method="openid")
        return redirect_after(url_for("accounts.invitation", token=invitation))
    if user_id is None:
        user_id = services.sign_up(identity)
    # No second factor here: how users prove who they are is up to the provider.
    start_session(user_id, method="openid")
    return redirect_after(pending.details.get("next_path") or url_for("accounts.start"))


def _begin(purpose: str, *, user_id: str | None = None, details: Mapping[str, str] | None = None) -> str:
    """Return where to send the browser. Raises RateLimited, Unavailable."""
    client = openid_client()
    throttle.count_openid()
    try:
        authorization = client.begin(_redirect_uri())
    except ProviderUnavailable:
        raise Unavailable(
            f"The provider of {openid_name()} does not answer. Try again in a minute, or sign in with your password."
        ) from None
    states.keep(authorization, provider=_PROVIDER, purpose=purpose, user_id=user_id, details=details)
    return authorization.url


def _redirect_uri() -> str:
    """Return the redirect URI exactly as it is registered at the provider."""
    return absolute_url("/sign-in/openid/callback")


def _refused_there(error: str) -> Response:
    if error == "access_denied":
        return _failed(
            "You were not signed in",
            f"The provider of {openid_name()} says that the sign-in was cancelled or is not allowed. Try again, or ask"
            " whoever runs it for access.",
            403,
        )
    log.warning("openid_error", error=error[:100])
    if error in ("temporarily_unavailable", "server_error"):
        return _failed_there()
    return _failed(
        "You were not signed in",
        "The provider answered with an error. Try again; if it stays, tell your operator: the error is in the log.",
        403,
    )


def _failed_there() -> Response:
    return _failed(
        "The provider does not answer",
        f"The provider of {openid_name()} is down or slow. Try again in a minute, or sign in with your password.",
        503,
    )


def _failed(title: str, detail: str, status: int) -> Response:
    return render(
        "accounts/openid_failed.html",
        status=status,
        title=title,
        detail=detail,
        openid_name=openid_name(),
        is_signed_in=current_user.is_authenticated,
    )


def _link_page(form: LinkForm, status: int = 200) -> Response:
    openid_client()
    return render(
        "accounts/openid.html",
        status=status,
        form=form,
        security=queries.security_of(current_user.id),
        openid_name=openid_name(),
        email=current_user.email,
    )


def _unlink_page(account_id: str, form: LinkForm, status: int = 200) -> Response:
    security = queries.security_of(current_user.id)
    linked = next((each for each in security.linked if each.id == account_id), None)
    if linked is None:
        raise NotFound("This company account is not linked any more.")
    return render(
        "accounts/openid_unlink.html",
        status=status,
        form=form,
        linked=linked,
        has_password=security.has_password,
        email=current_user.email,
    )
