"""What can be done with a delivery: send it again."""

from dataclasses import dataclass

from sqlalchemy import and_, not_, select, true, update

from app.audit.trail import record
from app.db.clock import DatabaseNow
from app.extensions import db
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.errors import Conflict, NotFound
from app.lib.ids import is_id
from app.webhooks.models import Delivery, Webhook


@dataclass(frozen=True, slots=True)
class Retried:
    """A delivery that is due again. `message` says to a person when it will be sent."""

    delivery_id: str
    is_held: bool
    message: str


def retry(team_id: str, delivery_id: str) -> Retried:
    """Make a delivery due at once, whatever became of it before, with all its retries ahead of it again.

    A paused or disabled webhook is no obstacle: the delivery then waits until it is resumed. Raises NotFound,
    and Conflict while it is being sent or when its webhook was deleted.
    """
    if not is_id(delivery_id, "dlv"):
        raise _not_found()
    now = DatabaseNow()
    # One statement decides and acts: a sender that claims the row first makes it match nothing, and one whose
    # lease has ended finds its lease gone, so its late result overwrites nothing.
    query = (
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.team_id == team_id,
            not_(and_(Delivery.lease.is_not(None), Delivery.due_at.is_not(None), Delivery.due_at > now)),
            select(Webhook.id)
            .where(Webhook.id == Delivery.webhook_id, Webhook.deleted_at.is_(None))
            .exists(),
        )
        .values(
            state="pending", due_at=now, round_attempt_count=0, is_manual=true(), finished_at=None, lease=None
        )
        .returning(Delivery.webhook_id, Delivery.event_type)
        .execution_options(synchronize_session=False)
    )
    session = db.session()
    retried = session.execute(query).one_or_none()
    if retried is None:
        refusal = _refusal(team_id, delivery_id)
        session.rollback()
        raise refusal
    webhook_id, event_type = retried
    name, status = session.execute(select(Webhook.name, Webhook.status).where(Webhook.id == webhook_id)).one()
    record(
        session,
        "delivery.retried",
        team_id=team_id,
        object_type="delivery",
        object_id=delivery_id,
        object_name=f"{event_type} to {name}",
    )
    session.commit()
    nudge_dispatch()
    if status == "active":
        return Retried(delivery_id, is_held=False, message="Queued: it will be sent in a moment.")
    return Retried(
        delivery_id,
        is_held=True,
        message=f"Queued, but the webhook “{name}” is {status}: it will be sent once the webhook is resumed.",
    )


def cancel_leftovers() -> int:
    """Cancel pending deliveries of deleted webhooks; returns how many.

    Deleting cancels what it sees. An event that was being accepted at that very moment can add one more.
    """
    deleted = select(Webhook.id).where(Webhook.deleted_at.is_not(None))
    query = (
        update(Delivery)
        .where(Delivery.due_at.is_not(None), Delivery.state == "pending", Delivery.webhook_id.in_(deleted))
        .values(state="cancelled", due_at=None, lease=None, finished_at=clock.now())
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    cancelled = db.session.execute(query).all()
    db.session.commit()
    return len(cancelled)


def _refusal(team_id: str, delivery_id: str) -> Conflict | NotFound:
    found = db.session.execute(
        select(Webhook.deleted_at, Webhook.name)
        .join(Delivery, Delivery.webhook_id == Webhook.id)
        .where(Delivery.id == delivery_id, Delivery.team_id == team_id)
    ).one_or_none()
    if found is None:
        return _not_found()
    when, name = found
    if when is not None:
        return Conflict(
            f"The webhook “{name}” was deleted, so there is no address to send this to."
            " Create it again and emit the event anew."
        )
    return Conflict(
        "This delivery is being sent right now. Wait for its result, then retry if it is still needed."
    )


def _not_found() -> NotFound:
    return NotFound("There is no such delivery in this team.")
