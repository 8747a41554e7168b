"""`flask demo fill`: a believable team whose every page renders."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.config import load_settings
from app.demo.cli import demo_cli
from app.demo.services import Filled, fill
from app.extensions import db
from app.factory import create_app
from app.webhooks.models import Attempt, Delivery, DeliveryCount, Webhook
from tests.people import Visitor


@pytest.fixture
def filled(app: Flask) -> Filled:
    """Return the demo team."""
    with app.app_context():
        demo = fill("Acme Social")
        db.session.remove()
    return demo


def signed_in(app: Flask, filled: Filled, email: str) -> Visitor:
    visitor = Visitor(app.test_client())
    assert visitor.sign_in(email, filled.password).status_code == 303
    return visitor


def test_history_is_rich_and_consistent(app: Flask, filled: Filled) -> None:
    with app.app_context():
        states = Counter(db.session.scalars(select(Delivery.state)))
        retrying = db.session.scalar(
            select(func.count()).where(Delivery.state == "pending", Delivery.attempt_count > 0)
        )
        counted = db.session.execute(
            select(
                func.sum(DeliveryCount.succeeded),
                func.sum(DeliveryCount.failed),
                func.sum(DeliveryCount.attempts),
                func.sum(DeliveryCount.attempt_failures),
            )
        ).one()
        attempts = db.session.scalar(select(func.count()).select_from(Attempt))
        failures = db.session.scalar(select(func.count()).where(Attempt.error_kind.is_not(None)))
        claimed = db.session.scalar(select(func.sum(Delivery.attempt_count)))
        statuses = Counter(db.session.scalars(select(Webhook.status)))

    assert sum(states.values()) == filled.delivery_count > 1200
    assert all(states[state] for state in ("pending", "succeeded", "failed", "cancelled"))
    assert retrying is not None
    assert retrying >= 4
    assert tuple(counted) == (states["succeeded"], states["failed"], attempts, failures)
    assert claimed == attempts
    assert statuses == {"active": 4, "paused": 1, "disabled": 1}


def test_second_run_adds_nothing_and_renews_the_password(app: Flask, filled: Filled) -> None:
    with app.app_context():
        again = fill("Acme Social")
        count = db.session.scalar(select(func.count()).select_from(Delivery))

    assert (again.is_new, again.team_slug) == (False, filled.team_slug)
    assert count == filled.delivery_count
    assert again.password != filled.password
    signed_in(app, again, "demo@signalbox.test")


def test_refuses_in_production(tmp_path: Path, redis_url: str) -> None:
    app = create_app(
        load_settings(
            app_env="production",
            data_dir=tmp_path,
            redis_url=redis_url,
            secret_key="abcdefghijklmnopqrstuvwxyz0123456789ABCD",
            encryption_key="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd",
        )
    )

    result = app.test_cli_runner().invoke(demo_cli, ["fill"])

    assert result.exit_code == 1
    assert "--yes" in result.output


@pytest.mark.parametrize("email", ["demo@signalbox.test", "vic@signalbox.test"])
def test_every_link_of_the_team_leads_to_a_page(app: Flask, filled: Filled, email: str) -> None:
    """Walk the whole team; of pages that differ only in an id or a filter, a few are enough."""
    visitor = signed_in(app, filled, email)
    start = f"/t/{filled.team_slug}/"
    waiting, seen = [start], {start}
    shapes: Counter[str] = Counter()
    broken = []
    while waiting:
        url = waiting.pop()
        answer = visitor.get(url)
        if answer.status_code not in (200, 303):
            broken.append((url, answer.status_code))
        for link in re.findall(r'(?:href|hx-get)="([^"]+)"', answer.get_data(as_text=True)):
            parts = urlsplit(urljoin(url, link.replace("&amp;", "&")))
            if parts.netloc or not parts.path.startswith(start):
                continue
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            shape = re.sub(r"[a-z]+_[0-9a-hjkmnp-tv-z]{26}", "*", target)
            if target in seen or shapes[shape] >= 4:
                continue
            seen.add(target)
            shapes[shape] += 1
            waiting.append(target)

    assert broken == []
    assert len(seen) > 30
