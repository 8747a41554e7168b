"""Invitations: made and revoked on a team's pages, accepted through their link."""

from flask import Response, flash, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import queries, rules, throttle
from app.accounts.forms import InviteForm, JoinForm
from app.accounts.openid.contract import openid_name
from app.accounts.queries import INVITATIONS
from app.accounts.services import invitations
from app.accounts.services.users import NewPerson
from app.accounts.sessions import start_session
from app.accounts.views.blueprints import accounts, home_of, teams
from app.extensions import current_settings
from app.lib.errors import Conflict, NotFound, SignalboxError
from app.web.access import current_team, principal, public, require, signed_in
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.one_time_secrets import ShownSecret, lead_to_secret, take_once
from app.web.permissions import Role
from app.web.rendering import redirect_after, render

_ROLE_NOTES = {
    Role.OWNER.value: "Everything, renaming and handing over the team included",
    Role.ADMIN.value: "Everything but renaming and handing over the team",
    Role.MEMBER.value: "Webhooks, event types and deliveries; no keys, no members",
    Role.VIEWER.value: "Sees everything, changes nothing",
}


_COLUMNS = (
    ("For", ""), ("State", ""), ("Role", ""), ("Invited by", ""), ("Ends", ""), ("Actions", "visually-hidden"),
)  # fmt: skip
_LIST = ListPage(
    spec=INVITATIONS,
    name="invitation",
    singular="invitation",
    plural="invitations",
    endpoint="teams.invitations",
    templates="invitations",
    columns=_COLUMNS,
    state_of=lambda row: row.state,
    hides_filters_when_blank=True,
)


@teams.get("/invitations", endpoint="invitations")
@require("members:manage")
def list_invitations() -> Response:
    """Show the team's invitations, newest first, filtered, and what became of each."""
    return _LIST.show()


@teams.get("/invitations/new")
@require("members:manage")
def new_invitation() -> BaseResponse:
    return _invite_page(_form())


@teams.post("/invitations/new")
@require("members:manage")
@keeps_input(InviteForm)
@runs_once
def invite() -> BaseResponse:
    form = _form()
    if not form.validate():
        return _invite_page(form, status=422)
    try:
        created = invitations.invite(
            current_team().id,
            role=Role(str(form.role.data)),
            email=str(form.email.data) if form.email.data else None,
            actor_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _invite_page(form, status=error.status)
    return lead_to_secret(
        created.id,
        created.token,
        url=url_for("teams.invitation", invitation_id=created.id),
        page=lambda shown: _made_page(created.id, shown),
    )


@teams.get("/invitations/<invitation_id>")
@require("members:manage")
def invitation(invitation_id: str) -> BaseResponse:
    return _made_page(invitation_id, take_once(invitation_id))


@teams.get("/invitations/<invitation_id>/revoke")
@require("members:manage")
def confirm_revoke(invitation_id: str) -> BaseResponse:
    shown = queries.get_invitation(current_team().id, invitation_id)
    return render(
        "teams/revoke.html", fragment="teams/_revoke.html", target="revoke-invitation", invitation=shown
    )


@teams.post("/invitations/<invitation_id>/revoke")
@require("members:manage")
@runs_once
def revoke_invitation(invitation_id: str) -> BaseResponse:
    invitations.revoke_invitation(current_team().id, invitation_id)
    flash("The invitation is revoked: its link is invalid now.", "success")
    return redirect_after(url_for("teams.invitations"))


@accounts.get("/invitations/<token>", endpoint="invitation")
@public
def open_invitation(token: str) -> BaseResponse:
    return _invitation_page(token, JoinForm(formdata=None))


@accounts.post("/invitations/<token>/accept")
@signed_in
@runs_once
def accept_invitation(token: str) -> BaseResponse:
    slug = invitations.accept(token, current_user.id)
    return redirect_after(home_of(slug))


@accounts.post("/invitations/<token>/join")
@public
@runs_once
def join(token: str) -> BaseResponse:
    form = JoinForm()
    if current_user.is_authenticated or not form.validate():
        return _invitation_page(token, form, status=422)
    person = NewPerson(str(form.name.data), str(form.email.data), str(form.password.data))
    try:
        throttle.count_sign_up()
        signed_up = invitations.sign_up_invited(token, person)
    except (NotFound, Conflict):
        return _invitation_page(token, form)
    except SignalboxError as error:
        form.take_errors(error)
        return _invitation_page(token, form, status=error.status)
    start_session(signed_up.user_id, method="sign_up")
    return redirect_after(home_of(signed_up.team_slug))


def _form() -> InviteForm:
    form = InviteForm()
    form.offer(rules.grantable_roles(Role(str(principal().role))))
    if form.role.data in (None, "None", ""):
        form.role.data = Role.MEMBER.value
    return form


def _invite_page(form: InviteForm, status: int = 200) -> Response:
    return render("teams/invite.html", status=status, form=form, role_notes=_ROLE_NOTES)


def _made_page(invitation_id: str, shown: ShownSecret) -> Response:
    made = queries.get_invitation(current_team().id, invitation_id)
    link = None
    if shown.value:
        link = current_settings().public_url + url_for("accounts.invitation", token=shown.value)
    return render("teams/invitation.html", invitation=made, link=link, is_delayed=shown.is_delayed)


def _invitation_page(token: str, form: JoinForm, status: int = 200) -> Response:
    shown = queries.find_invitation_by_token(token)
    if shown is None:
        raise NotFound(
            "This invitation does not exist. Check that you opened the whole link, or ask for a new one."
        )
    reason = invitations.why_not_open(shown.state)
    if reason:
        return render("accounts/invitation_closed.html", status=409, invitation=shown, reason=reason)
    if shown.email and not form.email.data:
        form.email.data = shown.email
    is_for_other = bool(current_user.is_authenticated and shown.email and shown.email != current_user.email)
    return render(
        "accounts/invitation.html",
        status=status,
        invitation=shown,
        token=token,
        form=form,
        user=current_user if current_user.is_authenticated else None,
        is_for_other=is_for_other,
        openid_name=openid_name(),
    )
