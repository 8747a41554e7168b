"""Forms that ask for a mailed link. They answer the same whether the address has an account or not."""

from collections.abc import Callable

from flask import session, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.forms import ForgotPasswordForm, SignInLinkForm
from app.lib.errors import SignalboxError
from app.web.rendering import redirect_after, render, retry_later

#: Session key: the address that this browser asked a link for.
_ASKED_FOR = "link_asked_for"


def request_link(
    form: ForgotPasswordForm | SignInLinkForm,
    *,
    template: str,
    request: Callable[[str], None],
    next_page: str,
) -> BaseResponse:
    """Have `request` mail a link to the form's address, and lead to the endpoint `next_page`."""
    if not form.validate():
        return render(template, status=422, form=form)
    email = str(form.email.data)
    try:
        request(email)
    except SignalboxError as error:
        form.take_errors(error)
        return retry_later(render(template, status=error.status, form=form), error)
    session[_ASKED_FOR] = email
    return redirect_after(url_for(next_page))


def requested_page(template: str, *, form_page: str) -> BaseResponse:
    """Show where the link was mailed to; whoever asked for none is led to the endpoint of the form."""
    email = session.get(_ASKED_FOR)
    return render(template, email=email) if email else redirect_after(url_for(form_page))
