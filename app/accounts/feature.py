"""What accounts announce: sign-in, users and teams, and how the signed-in user is found."""

from flask import Flask

from app.accounts import mails, members, sessions
from app.accounts.api import accounts_api
from app.accounts.cli import accounts_cli
from app.accounts.views import accounts, teams
from app.jobs.table import Job
from app.web.access import provide_members
from app.web.features import Feature, NavigationEntry, Section, Tab
from app.web.permissions import FULL, Permission, PermissionGroup, Role
from app.web.shell import provide_teams


def _connect(app: Flask) -> None:
    sessions.init_sessions(app)
    provide_members(app, members.find_member)
    provide_teams(app, members.teams_of_user)


FEATURE = Feature(
    name="accounts",
    models=("app.accounts.models",),
    pages=(accounts, teams),
    apis=(accounts_api,),
    navigation=(
        NavigationEntry(
            section=Section.TEAM,
            label="Members",
            icon="users",
            position=30,
            tabs=(
                Tab("Members", "teams.members", "members:read"),
                Tab("Invitations", "teams.invitations", "members:manage"),
            ),
        ),
        NavigationEntry(
            section=Section.TEAM,
            label="Settings",
            icon="settings",
            position=40,
            tabs=(Tab("Settings", "teams.settings", "team:manage"),),
        ),
    ),
    jobs=(
        Job(name="accounts.note_failed_sign_in", path="app.accounts.jobs.note_failed_sign_in"),
        Job(name="accounts.trim_sessions", path="app.accounts.jobs.trim_sessions", every_s=3600),
    ),
    mails=mails.KINDS,
    permissions=(
        Permission("members:read", "See who is in the team", PermissionGroup.TEAM, Role.VIEWER),
        Permission(
            "members:manage",
            "Invite and remove members and change their roles",
            PermissionGroup.TEAM,
            Role.ADMIN,
        ),
        Permission("team:manage", "Rename the team and hand it over", PermissionGroup.TEAM, Role.OWNER),
        Permission(FULL, "Everything", PermissionGroup.TEAM, Role.OWNER),
    ),
    commands=(accounts_cli,),
    connect=_connect,
)
