"""Deletes rows that are older than what is kept, a few thousand in a transaction."""

import time
from datetime import datetime

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from app.lib.ids import lowest_id_at

BATCH = 2_000
#: What is not deleted by then, the next run of the job deletes.
AT_MOST_S = 240.0


def delete_older(engine: Engine, key: InstrumentedAttribute[str], prefix: str, *, than: datetime) -> int:
    """Delete the rows whose ids are older than this, the oldest first; returns how many.

    `key` is the column of the ids, which begin with `prefix`. Each batch is a transaction of its own.
    """
    # Ids sort by time: the oldest are found, and the end is noticed, without looking at what stays.
    old = select(key).where(key < lowest_id_at(prefix, than)).order_by(key).limit(BATCH)
    count, ends_at_s = 0, time.monotonic() + AT_MOST_S
    while time.monotonic() < ends_at_s:
        with engine.begin() as connection:
            ids = connection.scalars(old).all()
            connection.execute(delete(key.class_).where(key.in_(ids)))
        count += len(ids)
        if len(ids) < BATCH:
            break
    return count
