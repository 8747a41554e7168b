"""The second step of signing in: a code of the app, or a recovery code."""

from flask import flash, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import throttle
from app.accounts.forms import CodeForm, RecoveryCodeForm
from app.accounts.known_devices import find_device_of
from app.accounts.services import second_factor
from app.accounts.services.users import Authenticated
from app.accounts.sessions import SecondStep, begin_second_step, find_second_step, start_session
from app.accounts.views.blueprints import accounts
from app.lib.errors import SignalboxError
from app.web.access import public
from app.web.forms import runs_once
from app.web.rendering import redirect_after, render, retry_later

Form = CodeForm | RecoveryCodeForm


def enter(found: Authenticated, *, method: str, next_path: str | None = None) -> BaseResponse:
    """Sign in this user, or ask for a code first where they have turned that on."""
    if found.has_second_factor:
        begin_second_step(SecondStep(found.user_id, found.session_version, next_path))
        return redirect_after(url_for("accounts.second_step"))
    start_session(found.user_id, method=method)
    return redirect_after(next_path or url_for("accounts.start"))


@accounts.get("/sign-in/code")
@public
def second_step() -> BaseResponse:
    return _step_page(CodeForm())


@accounts.post("/sign-in/code")
@public
@runs_once
def finish_with_code() -> BaseResponse:
    return _finish(CodeForm())


@accounts.get("/sign-in/recovery-code")
@public
def recovery_step() -> BaseResponse:
    return _step_page(RecoveryCodeForm())


@accounts.post("/sign-in/recovery-code")
@public
@runs_once
def finish_with_recovery_code() -> BaseResponse:
    return _finish(RecoveryCodeForm())


def _finish(form: Form) -> BaseResponse:
    step = find_second_step()
    if step is None:
        return _too_late()
    if not form.validate():
        return _step_page(form, status=422)
    try:
        counted = throttle.count_code(step.user_id, device_id=find_device_of(step.user_id))
        method = second_factor.use_code(
            step.user_id, str(form.code.data), session_version=step.session_version
        )
    except SignalboxError as error:
        if error.status == 422:
            throttle.code_was_wrong()
        form.take_errors(error)
        form.code.data = ""  # Invalid now; the next one is typed into an empty field.
        return retry_later(_step_page(form, status=error.status), error)
    if method is None:
        return _too_late()
    throttle.code_was_right(counted)
    start_session(step.user_id, method=method)
    if method == "recovery_code":
        flash(
            "You used a recovery code. Lost your phone? Turn the second factor off, and on again with the new one.",
            "warning",
        )
        return redirect_after(step.next_path or url_for("accounts.second_factor"))
    return redirect_after(step.next_path or url_for("accounts.start"))


def _step_page(form: Form, status: int = 200) -> BaseResponse:
    if find_second_step() is None:
        return _too_late()
    return render(
        "accounts/second_step.html", status=status, form=form, is_recovery=isinstance(form, RecoveryCodeForm)
    )


def _too_late() -> BaseResponse:
    """Return the answer to a visitor without the first step, or too late after it."""
    if current_user.is_authenticated:
        return redirect_after(url_for("accounts.start"))
    session.clear()
    flash("The code has to follow within five minutes of the password. Sign in again.", "warning")
    return redirect_after(url_for("accounts.sign_in"))
