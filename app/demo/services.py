"""Fills a team with believable data, once."""

import secrets
from dataclasses import dataclass

import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.accounts.models import Membership, Team, User
from app.accounts.services.teams import create_team
from app.accounts.services.users import NewPerson, add_user, prepared_user
from app.api_keys.services import create_key
from app.demo.endpoints import add_endpoints
from app.demo.graphql import add_graphql
from app.demo.history import invent
from app.demo.integrations import add_integrations
from app.demo.records import Place
from app.demo.scenery import API_KEYS, COLLEAGUES, OWN_TYPES, OWNER_EMAIL, OWNER_NAME, SCENES, Scene
from app.events.models import Event, EventType
from app.extensions import current_settings, db, sealer
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock, signing
from app.lib.errors import NotFound
from app.lib.ids import new_id
from app.lib.redact import MASK, is_secret_name
from app.web.permissions import Role, permissions_of
from app.webhooks.dispatch.targets import USER_AGENT
from app.webhooks.models import Attempt, Delivery, DeliveryCount, Webhook

_BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class Filled:
    """The demo team. `is_new` False: its data was there already; only the password is new."""

    team_slug: str
    password: str
    emails: tuple[str, ...]
    is_new: bool
    delivery_count: int


def fill(team_name: str) -> Filled:
    """Make the demo accounts and their team, and give the team 26 hours of history unless it has one.

    The accounts get a new random password each time: the old one cannot be shown again.
    """
    password = secrets.token_urlsafe(12)
    owner_id = _account(OWNER_NAME, OWNER_EMAIL, password)
    colleagues = [(_account(name, email, password), role) for name, email, role in COLLEAGUES]
    if _find_team(owner_id, team_name) is None:
        create_team(owner_id, team_name)
    team_id, slug = _get_team(owner_id, team_name)
    _join(team_id, colleagues, owner_id)
    emails = (OWNER_EMAIL, *(email for _, email, _ in COLLEAGUES))
    if db.session.scalar(select(Webhook.id).where(Webhook.team_id == team_id).limit(1)) is not None:
        db.session.rollback()
        return Filled(slug, password, emails, is_new=False, delivery_count=0)
    for name, scopes in API_KEYS:
        create_key(
            team_id, name, scopes=scopes, granted_by=permissions_of(Role.OWNER), created_by_id=owner_id
        )
    count = _add_history(team_id, owner_id, seed=slug)
    nudge_dispatch()
    return Filled(slug, password, emails, is_new=True, delivery_count=count)


def _account(name: str, email: str, password: str) -> str:
    """Return the id of the account with this address, made if need be, with its password set."""
    user = prepared_user(NewPerson(name, email, password))
    session = db.session()
    found = session.scalar(select(User.id).where(User.email == email))
    if found is None:
        add_user(user)
        session.flush()
        found = user.id
    else:
        session.execute(
            update(User)
            .where(User.id == found)
            .values(password_hash=user.password_hash, session_version=User.session_version + 1)
        )
    session.commit()
    return found


def _find_team(owner_id: str, name: str) -> tuple[str, str] | None:
    row = db.session.execute(
        select(Team.id, Team.slug)
        .join(Membership, Membership.team_id == Team.id)
        .where(Membership.user_id == owner_id, Membership.role == Role.OWNER, Team.name == name)
        .order_by(Team.id)
        .limit(1)
    ).one_or_none()
    return (row.id, row.slug) if row else None


def _get_team(owner_id: str, name: str) -> tuple[str, str]:
    found = _find_team(owner_id, name)
    if found is None:
        raise NotFound(f"The team {name!r} was removed just now.")
    return found


def _join(team_id: str, colleagues: list[tuple[str, Role]], owner_id: str) -> None:
    session = db.session()
    members = set(session.scalars(select(Membership.user_id).where(Membership.team_id == team_id)))
    for user_id, role in colleagues:
        if user_id not in members:
            session.add(Membership(team_id=team_id, user_id=user_id, role=role))
    user_ids = [owner_id, *(user_id for user_id, _ in colleagues)]
    session.execute(update(User).where(User.id.in_(user_ids)).values(last_team_id=team_id))
    session.commit()


def _add_history(team_id: str, owner_id: str, *, seed: str) -> int:
    session = db.session()
    now = clock.now()
    try:
        for own in OWN_TYPES:
            session.add(
                EventType(team_id=team_id, name=own.name, description=own.description, example=own.example)
            )
        add_integrations(session, team_id, owner_id)
        add_endpoints(session, team_id, owner_id)
        add_graphql(session, team_id)
        places = [_add_webhook(session, scene, team_id, owner_id) for scene in SCENES]
        session.flush()
        history = invent(team_id, places, now=now, seed=seed)
        for table, rows in (
            (Event, history.events),
            (Delivery, history.deliveries),
            (Attempt, history.attempts),
            (DeliveryCount, history.counts),
        ):
            for start in range(0, len(rows), _BATCH_ROWS):
                session.execute(insert(table), rows[start : start + _BATCH_ROWS])
        for webhook_id, failures in history.failures_in_a_row.items():
            session.execute(
                update(Webhook).where(Webhook.id == webhook_id).values(consecutive_failures=failures)
            )
        session.commit()
    except BaseException:
        session.rollback()
        raise
    return len(history.deliveries)


def _add_webhook(session: Session, scene: Scene, team_id: str, owner_id: str) -> Place:
    port = current_settings().demo_receiver_port
    webhook_id, secret, box = new_id("wh"), signing.new_secret(), sealer()
    url = scene.url.format(port=port)
    own = orjson.dumps(scene.headers)
    session.add(
        Webhook(
            id=webhook_id,
            team_id=team_id,
            name=scene.name,
            url=url,
            event_types=list(scene.event_types),
            secret_sealed=box.seal(secret.encode(), table="webhooks", column="secret", row_id=webhook_id),
            headers_sealed=box.seal(own, table="webhooks", column="headers", row_id=webhook_id)
            if scene.headers
            else None,
            status=scene.status,
            status_reason=scene.status_reason,
            max_retries=scene.max_retries,
            first_retry_s=scene.first_retry_s,
            retry_multiplier=scene.retry_multiplier,
            timeout_s=scene.timeout_s,
            created_by_id=owner_id,
        )
    )
    shown = [(name, MASK if is_secret_name(name) else value) for name, value in scene.headers]
    fixed = (("content-type", "application/json"), ("user-agent", USER_AGENT))
    return Place(
        scene=scene,
        webhook_id=webhook_id,
        url=url,
        address=scene.address.format(port=port),
        signing_key=signing.secret_key(secret),
        shown_headers=(*fixed, *shown),
    )
