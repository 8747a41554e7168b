"""A team's members and settings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.accounts import queries, rules
from app.accounts.forms import RoleForm, TeamForm
from app.accounts.queries import MEMBERS, Member
from app.accounts.services import teams as services
from app.accounts.views.blueprints import teams
from app.audit.latest import latest_change
from app.lib.errors import Invalid, NotFound, PreconditionFailed, SignalboxError
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.permissions import Role
from app.web.rendering import redirect_after, render

_COLUMNS = (("Name", ""), ("Email address", ""), ("Role", ""), ("Since", ""))
_LIST = ListPage(
    spec=MEMBERS,
    name="member",
    singular="member",
    plural="members",
    endpoint="teams.members",
    templates="members",
    columns=_COLUMNS,
    state_of=lambda row: row.role,
    rows_context=lambda rows: _what_may_change(rows),
)
_LIST_TO_MANAGE = replace(_LIST, columns=(*_COLUMNS, ("Actions", "visually-hidden")))


@teams.get("/members")
@require("members:read")
def members() -> Response:
    """Show who is in the team, filtered, with what the caller may change."""
    return (_LIST_TO_MANAGE if principal().may("members:manage") else _LIST).show()


@teams.post("/members/<user_id>/role")
@require("members:manage")
@runs_once
def change_role(user_id: str) -> BaseResponse:
    form = RoleForm()
    if not form.validate():
        raise Invalid.field("role", "Choose one of the roles: " + ", ".join(Role) + ".")
    team_id = current_team().id
    try:
        services.change_role(
            team_id,
            user_id,
            Role(str(form.role.data)),
            actor_id=principal().id,
            expected=form.expected_version,
        )
    except PreconditionFailed as error:
        return _role_page(form, queries.get_member(team_id, user_id), status=error.status)
    flash("The role is changed.", "success")
    return redirect_after(url_for("teams.members"))


@teams.get("/members/<user_id>/remove")
@require("members:manage")
def confirm_remove(user_id: str) -> BaseResponse:
    member = queries.get_member(current_team().id, user_id)
    return render("teams/remove.html", fragment="teams/_remove.html", target="remove-member", member=member)


@teams.post("/members/<user_id>/remove")
@require("members:manage")
@runs_once
def remove_member(user_id: str) -> BaseResponse:
    is_oneself = user_id == principal().id
    services.remove_member(current_team().id, user_id, actor_id=principal().id)
    flash("You left the team." if is_oneself else "The member is removed.", "success")
    return redirect_after(url_for("accounts.teams") if is_oneself else url_for("teams.members"))


@teams.get("/leave")
@require("members:read")
def confirm_leave() -> BaseResponse:
    return render("teams/leave.html", fragment="teams/_leave.html", target="leave-team")


@teams.post("/leave")
@require("members:read")
@runs_once
def leave() -> BaseResponse:
    services.leave_team(current_team().id, principal().id)
    flash(f"You left {current_team().name}.", "success")
    return redirect_after(url_for("accounts.teams"))


@teams.get("/settings")
@require("team:manage")
def settings() -> BaseResponse:
    return _settings_page(_team_form(current_team().name))


@teams.post("/settings")
@require("team:manage")
@keeps_input(TeamForm)
@runs_once
def rename() -> BaseResponse:
    form = TeamForm()
    if not form.validate():
        return _settings_page(form, status=422)
    try:
        services.rename_team(current_team().id, str(form.name.data), expected=form.expected_version)
    except PreconditionFailed as error:
        team_id = current_team().id
        theirs = _team_form(queries.get_team(team_id).name)
        form.show_conflict(
            theirs, latest_change(team_id, team_id, "team.renamed"), newer_url=url_for(".settings")
        )
        return _settings_page(form, status=error.status)
    except SignalboxError as error:
        form.take_errors(error)
        return _settings_page(form, status=error.status)
    flash("The team is renamed.", "success")
    return redirect_after(url_for("teams.settings"))


@teams.get("/settings/transfer")
@require("team:manage")
def confirm_transfer() -> BaseResponse:
    heir = queries.get_member(current_team().id, request.args.get("to", ""))
    if heir.user_id == principal().id:
        raise NotFound("You own the team already. Go back and choose somebody else.")
    return render("teams/transfer.html", fragment="teams/_transfer.html", target="transfer-team", heir=heir)


@teams.post("/settings/transfer")
@require("team:manage")
@runs_once
def transfer() -> BaseResponse:
    services.transfer_ownership(current_team().id, from_id=principal().id, to_id=request.form.get("to", ""))
    flash("The team is handed over. You are an admin of it now.", "success")
    return redirect_after(url_for("teams.members"))


def _what_may_change(rows: Sequence[Member]) -> dict[str, Any]:
    caller = principal()
    actor = Role(str(caller.role))
    manages = caller.may("members:manage")
    return {
        "own_id": caller.id,
        "manages": manages,
        "roles": rules.grantable_roles(actor),
        "changeable": {
            row.id for row in rows if manages and rules.may_change_role(actor, old=row.role, new=None)
        },
        "versions": {row.id: {"version": services.role_version(row.role)} for row in rows},
    }


def _team_form(name: str) -> TeamForm:
    form = TeamForm(formdata=None, data={"name": name})
    form.begin_with(services.team_version(name))
    return form


def _role_page(form: RoleForm, member: Member, *, status: int) -> Response:
    """Show that another user changed the role meanwhile, with both roles to choose from."""
    theirs = RoleForm(formdata=None, role=member.role.value)
    theirs.begin_with(services.role_version(member.role))
    change = latest_change(current_team().id, member.user_id, "member.role_changed")
    form.show_conflict(theirs, change, newer_url=url_for("teams.members"))
    return render("teams/role.html", status=status, form=form, member=member)


def _settings_page(form: TeamForm, status: int = 200) -> Response:
    others = [
        member
        for member in queries.members_of_team(current_team().id)
        if member.user_id != principal().id and member.role is not Role.OWNER
    ]
    return render("teams/settings.html", status=status, form=form, team=current_team(), others=others)
