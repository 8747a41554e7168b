"""Stored rows of one team, to be read and added in numbers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import insert, select

from app.extensions import db
from app.lib import clock
from app.lib.ids import lowest_id_at


class TeamRows:
    """The rows of one team in tables whose ids sort by time."""

    def __init__(self, app: Flask, team_id: str) -> None:
        self.app = app
        self.team_id = team_id

    def read(self, model: type[Any]) -> list[Any]:
        """Return the team's rows, oldest first."""
        with self.app.app_context():
            rows = db.session.scalars(
                select(model).where(model.team_id == self.team_id).order_by(model.id)
            ).all()
            db.session.expunge_all()
            db.session.remove()
        return list(rows)

    def add(
        self,
        model: type[Any],
        prefix: str,
        count: int,
        values: dict[str, Any],
        *,
        at: datetime | None,
        apart: timedelta,
    ) -> list[str]:
        """Store rows with these values, `at` being the time of the last; returns their ids, oldest first."""
        last = at or clock.now() - timedelta(minutes=1)
        times = [last - apart * back for back in reversed(range(count))]
        rows: Sequence[dict[str, Any]] = [
            {
                **values,
                "team_id": self.team_id,
                "id": f"{lowest_id_at(prefix, time)[:-4]}{number:04d}",
                "created_at": time,
            }
            for number, time in enumerate(times)
        ]
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(insert(model), rows)
        return [row["id"] for row in rows]
