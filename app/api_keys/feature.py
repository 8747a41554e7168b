"""What API keys announce: their pages, API and commands, how a key is verified, and the scopes it can carry."""

from flask import Flask

from app.accounts import inviting_keys, lost_rights
from app.api_keys import scopes
from app.api_keys.api import keys_api
from app.api_keys.cli import keys_cli, limits_cli
from app.api_keys.models import ApiKey
from app.api_keys.services import reviews
from app.api_keys.usage.views import usage
from app.api_keys.verification import verifier
from app.api_keys.views import api_keys
from app.jobs.table import Job
from app.web.access import provide_keys
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Subscription, Tab
from app.web.permissions import Permission, PermissionGroup, Role


def _connect(app: Flask) -> None:
    provide_keys(app, verifier.principal_of_key)


FEATURE = Feature(
    name="api_keys",
    models=("app.api_keys.models",),
    pages=(api_keys, usage),
    apis=(keys_api,),
    navigation=(
        NavigationEntry(
            section=Section.TEAM,
            label="API keys",
            icon="key",
            position=10,
            tabs=(
                Tab("Keys", "api_keys.index", "keys:manage"),
                Tab("Usage", "usage.index", "keys:manage"),
            ),
        ),
    ),
    jobs=(
        Job(name="api_keys.flush_usage", path="app.api_keys.jobs.flush_usage", every_s=15),
        Job(name="api_keys.reconcile_cache", path="app.api_keys.jobs.reconcile_cache", every_s=10),
        Job(name="api_keys.notify_expiring", path="app.api_keys.jobs.notify_expiring", every_s=600),
    ),
    permissions=(
        *scopes.CONNECTIONS,
        *scopes.PRODUCT,
        Permission(
            "keys:manage", "See, create, change and revoke API keys", PermissionGroup.TEAM, Role.ADMIN
        ),
    ),
    audit_objects=(
        AuditObject(
            type="api_key",
            endpoint="api_keys.show",
            parameter="key_id",
            key=ApiKey.id,
            column=ApiKey.id,
            team_id=ApiKey.team_id,
        ),
    ),
    commands=(keys_cli, limits_cli),
    subscriptions=(
        Subscription(lost_rights.subscribe, reviews.member_lost_rights),
        Subscription(inviting_keys.provide, reviews.may_invite),
    ),
    connect=_connect,
)
