"""Another address to sign in with."""

from flask import Response, flash, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.services import email_change as services
from app.accounts.views.blueprints import accounts
from app.lib.errors import NotFound
from app.web.access import public, signed_in
from app.web.forms import runs_once
from app.web.rendering import redirect_after, render


@accounts.post("/account/email/cancel")
@signed_in
@runs_once
def cancel_email_change() -> BaseResponse:
    services.cancel_change(current_user.id)
    flash(f"Your address stays {current_user.email}.", "success")
    return redirect_after(url_for("accounts.account"))


@accounts.get("/account/email/<token>")
@public
def email_change(token: str) -> BaseResponse:
    """Show what the link does. GET changes nothing: programs that read mail follow links."""
    return _page(token)


@accounts.post("/account/email/<token>")
@public
@runs_once
def confirm_email_change(token: str) -> BaseResponse:
    try:
        email = services.confirm_change(token)
    except NotFound:
        return _page(token)
    flash(f"Sign in with {email} from now on.", "success")
    return redirect_after(url_for("accounts.account"))


def _page(token: str) -> Response:
    user = services.find_change(token)
    if user is None:
        return render("accounts/email_change_invalid.html", status=404)
    return render("accounts/email_change.html", token=token, old=user.email, new=user.new_email)
