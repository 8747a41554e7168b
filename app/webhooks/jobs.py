"""Jobs of webhooks: dispatch slices, and cancelling what deleted webhooks left."""

import threading

from flask import current_app

from app.extensions import AppSlot, current_settings
from app.jobs.heartbeats import end_slice, ensure_dispatch
from app.lib.ids import new_id
from app.webhooks.dispatch.dispatcher import Dispatcher
from app.webhooks.services import deliveries

#: Set by the worker when it was asked to stop: the running slice then ends early.
_stopping = AppSlot[threading.Event]("stopping", threading.Event)


def dispatch() -> None:
    """Send what is due for one slice; the next slice is enqueued before this one ends.

    Without Redis there would be no next slice, so this one goes on until Redis is back: deliveries continue.
    """
    dispatcher = _dispatcher.get()
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
        end_slice(slice_id)


def cancel_leftovers() -> None:
    """Cancel the pending deliveries of deleted webhooks."""
    deliveries.cancel_leftovers()


def stopping_event() -> threading.Event:
    """Return the event by which this process's worker stops its slice."""
    return _stopping.get()


def close_dispatcher() -> None:
    """End this process's dispatcher, if one ever ran: give back what was not sent, record results, close."""
    dispatcher = _dispatcher.take()
    if dispatcher is not None:
        dispatcher.close()


def _new_dispatcher() -> Dispatcher:
    return Dispatcher(current_app._get_current_object(), current_settings())  # type: ignore[attr-defined]


#: This process's dispatcher. It outlives slices: so do its connections and what is in flight.
_dispatcher = AppSlot("dispatcher", _new_dispatcher)
