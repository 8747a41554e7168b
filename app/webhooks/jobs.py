"""Jobs of workers: one dispatch slice."""

import threading
from typing import cast

from flask import current_app

from app.extensions import current_settings
from app.lib.ids import new_id
from app.queues import ensure_dispatch, forget_slice
from app.webhooks.dispatch.dispatcher import Dispatcher

_DISPATCHER = "signalbox.dispatcher"
#: Set by the worker when it was asked to stop: the running slice then ends early.
_STOPPING = "signalbox.stopping"


def dispatch() -> None:
    """Send what is due for one slice; the next slice is enqueued before this one ends.

    Without Redis there would be no next slice, so this one goes on until Redis is back: deliveries continue.
    """
    dispatcher = _dispatcher()
    slice_id = new_id("slice")
    is_stopping = stopping_event().is_set
    try:
        while True:
            dispatcher.run(
                for_s=current_settings().dispatch_slice_s, slice_id=slice_id, is_stopping=is_stopping
            )
            if is_stopping() or ensure_dispatch(besides=slice_id):
                return
    finally:
        forget_slice(slice_id)


def stopping_event() -> threading.Event:
    """Return the event by which this process's worker stops its slice."""
    return cast(threading.Event, current_app.extensions.setdefault(_STOPPING, threading.Event()))


def close_dispatcher() -> None:
    """End this process's dispatcher, if one ever ran: give back, drain, record, close."""
    dispatcher = cast(Dispatcher | None, current_app.extensions.pop(_DISPATCHER, None))
    if dispatcher is not None:
        dispatcher.close()


def _dispatcher() -> Dispatcher:
    """Return this process's dispatcher. It outlives slices: so do its connections and what is in flight."""
    kept = cast(Dispatcher | None, current_app.extensions.get(_DISPATCHER))
    if kept is None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        kept = current_app.extensions[_DISPATCHER] = Dispatcher(app, current_settings())
    return kept
