"""The second factor of one's own account: on, off, and its recovery codes."""

from collections.abc import Sequence

from flask import Response, flash, make_response, request, session, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import codes, queries, throttle
from app.accounts.forms import EnableSecondFactorForm, SecondFactorForm
from app.accounts.services import second_factor as services
from app.accounts.views.blueprints import accounts
from app.extensions import sealer
from app.lib import clock
from app.lib.errors import Conflict, Invalid, SignalboxError
from app.lib.sealed import CannotOpen
from app.web.access import signed_in
from app.web.forms import runs_once
from app.web.one_time_secrets import ShownSecret, lead_to_secret, take_once
from app.web.rendering import redirect_after, render

#: Session key: the sealed secret that is being set up in this browser, and until when.
_SETUP = "totp_setup"
_SETUP_VALID_S = 1800
_RECOVERY_CODES = "recovery-codes"


@accounts.get("/account/second-factor")
@signed_in
def second_factor() -> BaseResponse:
    security = queries.security_of(current_user.id)
    if security.second_factor_since is None:
        return _setup_page(EnableSecondFactorForm(formdata=None))
    return _second_factor_page(take_once(_RECOVERY_CODES))


@accounts.post("/account/second-factor")
@signed_in
@runs_once
def enable_second_factor() -> BaseResponse:
    if queries.security_of(current_user.id).second_factor_since is not None:
        # Not the form again: a copy of the session's cookie from before still holds the secret that is in use now.
        return redirect_after(url_for("accounts.second_factor"))
    form = EnableSecondFactorForm()
    if not form.validate():
        return _setup_page(form, status=422)
    secret = _secret_being_set_up()
    if secret is None:
        form.form_errors = ["The secret was shown half an hour ago or longer. Scan this new one."]
        return _setup_page(form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        made = services.enable(
            current_user.id, secret=secret, password=str(form.current_password.data), code=str(form.code.data)
        )
    except Conflict:
        return redirect_after(url_for("accounts.second_factor"))
    except SignalboxError as error:
        form.take_errors(error)
        return _setup_page(form, status=error.status)
    session.pop(_SETUP, None)
    flash("The second factor is on. Keep the recovery codes before you go on.", "success")
    return _lead_to_recovery_codes(made)


@accounts.get("/account/second-factor/renew-codes")
@signed_in
def confirm_renew_recovery_codes() -> BaseResponse:
    return _confirm_page("accounts/renew_recovery_codes.html", SecondFactorForm(formdata=None))


@accounts.post("/account/second-factor/renew-codes")
@signed_in
@runs_once
def renew_recovery_codes() -> BaseResponse:
    form = SecondFactorForm()
    if not form.validate():
        return _confirm_page("accounts/renew_recovery_codes.html", form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        made = services.renew_recovery_codes(
            current_user.id, password=str(form.current_password.data), code=str(form.code.data)
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _confirm_page("accounts/renew_recovery_codes.html", form, status=error.status)
    flash("These are your new recovery codes. The old ones are invalid.", "success")
    return _lead_to_recovery_codes(made)


@accounts.get("/account/second-factor/disable")
@signed_in
def confirm_disable_second_factor() -> BaseResponse:
    return _confirm_page("accounts/disable_second_factor.html", SecondFactorForm(formdata=None))


@accounts.post("/account/second-factor/disable")
@signed_in
@runs_once
def disable_second_factor() -> BaseResponse:
    form = SecondFactorForm()
    if not form.validate():
        return _confirm_page("accounts/disable_second_factor.html", form, status=422)
    try:
        throttle.count_password_check(current_user.id)
        services.disable(current_user.id, password=str(form.current_password.data), code=str(form.code.data))
    except SignalboxError as error:
        form.take_errors(error)
        return _confirm_page("accounts/disable_second_factor.html", form, status=error.status)
    flash("The second factor is off. The password alone signs you in now.", "success")
    return redirect_after(url_for("accounts.account"))


@accounts.post("/account/second-factor/codes.txt")
@signed_in
def download_recovery_codes() -> BaseResponse:
    """Return the codes that the page shows as a file: the server does not have them any more."""
    lines = request.form.get("codes", "").split()
    if len(lines) != codes.RECOVERY_CODES or not all(map(codes.digest_of_recovery_code, lines)):
        raise Invalid("These are no recovery codes. Go back, and make new ones if you did not keep them.")
    text = (
        f"Recovery codes of {current_user.email} for Signalbox. Each works once.\n\n"
        + "\n".join(lines)
        + "\n"
    )
    response = make_response(text)
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="signalbox-recovery-codes.txt"'
    return response


def _setup_page(form: EnableSecondFactorForm, status: int = 200) -> Response:
    secret = _secret_being_set_up() or _begin_setup()
    return render(
        "accounts/second_factor_setup.html",
        status=status,
        form=form,
        secret=codes.grouped(secret),
        # Made here from a secret of ours and the address, both encoded as modules of the picture.
        qr_code=Markup(codes.qr_code(secret, account=current_user.email)),  # noqa: S704
        has_password=queries.security_of(current_user.id).has_password,
        email=current_user.email,
    )


def _confirm_page(template: str, form: SecondFactorForm, status: int = 200) -> BaseResponse:
    if queries.security_of(current_user.id).second_factor_since is None:
        return redirect_after(url_for("accounts.second_factor"))
    return render(template, status=status, form=form, email=current_user.email)


def _begin_setup() -> str:
    """Make the secret of a set-up. It is kept in this browser's session only."""
    secret = codes.new_secret()
    sealed = sealer().seal(secret.encode(), table="users", column=_SETUP, row_id=current_user.session_id)
    session[_SETUP] = [sealed, int(clock.epoch_s()) + _SETUP_VALID_S]
    return secret


def _secret_being_set_up() -> str | None:
    kept = session.get(_SETUP)
    if not kept or kept[1] < clock.epoch_s():
        return None
    try:
        return sealer().open(kept[0], table="users", column=_SETUP, row_id=current_user.session_id).decode()
    except CannotOpen:
        return None


def _lead_to_recovery_codes(made: Sequence[str]) -> BaseResponse:
    return lead_to_secret(
        _RECOVERY_CODES, "\n".join(made), url=url_for("accounts.second_factor"), page=_second_factor_page
    )


def _second_factor_page(shown: ShownSecret) -> Response:
    return render(
        "accounts/second_factor.html",
        security=queries.security_of(current_user.id),
        codes_in_all=codes.RECOVERY_CODES,
        recovery_codes=shown.value.split("\n") if shown.value else [],
        is_delayed=shown.is_delayed,
    )
