"""What Signalbox does by itself is in the trail, too."""

from flask import Flask

from tests.audit.conftest import Trail
from tests.webhooks.dispatch.conftest import receiver, scene
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Scene, wait_until

__all__ = ["receiver", "scene"]


def test_webhook_that_is_disabled_leaves_one_entry(app: Flask, scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(410)
    hook = scene.add_webhook(receiver.url)
    scene.emit(5)
    with scene.dispatching():
        wait_until(lambda: scene.webhook(hook.id).status == "disabled")

    entry = Trail(app, scene.team_id).entry("webhook.disabled")
    assert (entry.actor_kind, entry.actor_name, entry.object_id) == ("system", "Signalbox", hook.id)
    assert entry.changes == {"status": ["active", "disabled"]}
    assert "410 Gone" in str(entry.detail)


def test_failures_that_disable_nothing_leave_nothing(
    app: Flask,
    scene: Scene,
    receiver: Receiver,
) -> None:
    receiver.behaviour = always(500)
    scene.add_webhook(receiver.url)
    for _ in range(3):
        scene.emit()
        scene.deliver()

    assert Trail(app, scene.team_id).entries() == []
