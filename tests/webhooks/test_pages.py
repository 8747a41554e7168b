"""Pages of webhooks."""

import csv
import io
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.web.lists import Selection, spec
from app.webhooks.queries.webhooks import WEBHOOKS
from tests.api_client import Api
from tests.page import Page
from tests.people import People

LIST = "/t/acme/webhooks/"
FORM = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.*", "alert.triggered"],
    "headers": "Authorization: Bearer hidden-value\r\nX-Tenant: acme\r\n",
    "max_retries": "4",
    "first_retry_s": "30",
    "retry_multiplier": "1.5",
    "timeout_s": "20",
}


def test_list_downloads_without_secrets(people: People, page: Page) -> None:
    made = page.get(str(people.mel.post(LIST + "new", FORM).location), people.mel)
    secret = made.by_id("secret").get("value", "")
    people.mel.post(LIST + "new", {**FORM, "name": "=1+1", "event_types": ["post.failed"]})

    answer = people.vic.get(f"{LIST}export.csv?status=active")

    text = answer.get_data(as_text=True)
    newest, oldest = csv.DictReader(io.StringIO(text, newline=""))
    assert (newest["name"], oldest["name"]) == ("'=1+1", "Order desk")
    assert oldest["event_types"] == '["post.*", "alert.triggered"]'
    assert (oldest["status"], oldest["succeeded_24h"], oldest["waiting"]) == ("active", "0", "0")
    assert secret.startswith("whsec_")
    for hidden in (secret, "hidden-value", "X-Tenant", "v1."):
        assert hidden not in text
    assert f"{LIST}export.csv?status=active" in page.get(f"{LIST}?status=active", people.vic).links()
    paused = people.vic.get(f"{LIST}export.csv?status=paused").get_data(as_text=True)
    assert len(paused.splitlines()) == 1, "only the headings"
    assert people.vic.get(f"{LIST}export.csv?status=asleep").status_code == 422
    assert people.charlie.get(f"{LIST}export.csv").status_code == 404


def test_download_holds_no_transaction_between_pages(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spec, "EXPORT_PAGE_SIZE", 1)
    for name in ("one", "two"):
        people.mel.post(LIST + "new", {**FORM, "name": name})
    with app.app_context():
        db.session.remove()
        rows = WEBHOOKS.export(people.acme.id, Selection())
        assert next(rows).webhook.name == "two"
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert next(rows).webhook.name == "one"


def test_empty_list_shows_how_to_create_a_webhook(people: People, page: Page) -> None:
    document = page.get(LIST, people.mel)

    assert document.has_text("Create your first webhook")
    assert "/ok" in document.text(document.by_id("create-example"))
    assert LIST + "new" in document.links()


def test_viewer_sees_webhooks_and_changes_none(people: People, page: Page, api: Api) -> None:
    webhook = api.new_webhook()
    show = LIST + webhook["id"]

    assert page.get(LIST, people.vic).has_text("Order desk")
    document = page.get(show, people.vic)
    assert show + "/delete" not in document.links()
    assert not document.has_text("Send a test event")
    for path in ("new", webhook["id"] + "/edit", webhook["id"] + "/delete", webhook["id"] + "/resume"):
        assert people.vic.get(LIST + path).status_code == 403
    for action in ("edit", "pause", "resume", "delete", "test"):
        assert people.vic.post(f"{show}/{action}").status_code == 403


def test_stranger_gets_404(people: People, api: Api) -> None:
    webhook = api.new_webhook()

    for path in (LIST, LIST + webhook["id"], f"/t/other/webhooks/{webhook['id']}"):
        assert people.charlie.get(path).status_code == (404)
    assert people.charlie.post(f"/t/other/webhooks/{webhook['id']}/delete").status_code == 404
    assert people.anybody().get(LIST).status_code == 303


def test_secret_is_shown_once_and_never_again(people: People, page: Page) -> None:
    page.get(LIST + "new", people.mel)
    answer = people.mel.post(LIST + "new", FORM)
    assert answer.status_code == 303

    first = page.get(answer.location, people.mel)
    secret = first.by_id("secret").get("value", "")
    assert secret.startswith("whsec_")
    assert "hidden-value" not in first.html
    again = page.get(answer.location, people.mel)
    assert secret not in again.html
    assert again.has_text("after 30 s, 45 s, 1 min 7 s, 1 min 41 s") or again.has_text(
        "after 30 s, 45 s, 1 min 8 s"
    )
    for path in (LIST, answer.location + "/edit"):
        html = page.get(path, people.mel).html
        assert secret not in html
        assert "hidden-value" not in html


def test_htmx_form_leads_to_the_new_page(people: People) -> None:
    answer = people.mel.post(LIST + "new", FORM, fragment="webhook-form")

    assert answer.status_code == 204
    assert "/webhooks/wh_" in answer.headers["HX-Redirect"]


def test_bad_form_comes_back_with_errors_beside_fields(people: People, page: Page) -> None:
    bad = FORM | {
        "name": "",
        "url": "http://192.168.0.1/",
        "event_types": ["nope.nope"],
        "max_retries": "many",
        "headers": "no colon",
    }
    answer = people.mel.post(LIST + "new", bad)

    assert answer.status_code == 422
    document = page.read(answer)
    assert "number from 0 to 15" in document.error_of("max_retries")
    assert "no colon" in document.error_of("headers")

    answer = people.mel.post(LIST + "new", bad | {"max_retries": "1", "headers": "Host: x\nX-Bad: é"})
    document = page.read(answer)
    assert "private address" in document.error_of("url")
    assert "1 to 100 characters" in document.error_of("name")
    assert "no event type nope.nope" in document.error_of("event_types")
    assert "Host is written by Signalbox" in document.error_of("headers")
    assert page.get(LIST, people.mel).has_text("Create your first webhook")


@pytest.mark.parametrize("multiplier", ["NaN", "Infinity", "1e999999", "-2", "9" * 500])
def test_impossible_numbers_are_refused(people: People, page: Page, multiplier: Any) -> None:
    answer = people.mel.post(LIST + "new", FORM | {"retry_multiplier": multiplier})

    assert answer.status_code == 422
    assert page.read(answer).error_of("retry_multiplier")
    assert (
        people.mel.get(
            f"{LIST}schedule?max_retries=3&first_retry_s=1&retry_multiplier={multiplier}"
        ).status_code
        == 200
    )


def test_form_shows_the_schedule(people: People) -> None:
    html = people.mel.get(
        f"{LIST}schedule?max_retries=3&first_retry_s=60&retry_multiplier=2", fragment="schedule"
    ).get_data(as_text=True)

    assert "1 min, 2 min, 4 min" in html
    assert "7 min after" in html


def test_edit_keeps_masked_headers(app: Flask, people: People, page: Page) -> None:
    show = people.mel.post(LIST + "new", FORM).location
    document = page.get(show + "/edit", people.mel)
    masked = document.text(document.by_id("headers"))
    assert masked == "Authorization: •••••• X-Tenant: ••••••"

    text = masked.replace(" X-Tenant", "\nX-Tenant")
    answer = people.mel.post(show + "/edit", FORM | {"headers": text, "name": "Renamed"})
    assert answer.status_code == 303
    document = page.get(show, people.mel)
    assert document.has_text("Renamed")
    assert document.has_text("Authorization: ••••••")
    assert people.mel.post(show + "/edit", FORM | {"headers": "X-New: ••••••"}).status_code == 422


def test_pause_resume_and_delete_by_hand(people: People, page: Page, api: Api) -> None:
    show = LIST + api.new_webhook(name="Orders & more")["id"]

    assert people.mel.post(show + "/pause").status_code == 303
    assert page.get(show, people.mel).has_text("Paused by Mel.")
    api.emit()
    assert page.get(show + "/resume", people.mel).has_text("1 delivery waits for it.")
    page.fragment(show + "/resume", "resume-webhook", people.mel)
    people.mel.post(show + "/resume", {"backlog": "discard"})
    assert page.get(show, people.mel).has_text("Cancelled")

    assert page.get(show + "/delete", people.mel).has_text("Delete webhook Orders & more?")
    page.fragment(show + "/delete", "delete-webhook", people.mel)
    assert people.mel.post(show + "/delete").status_code == 303
    assert people.mel.get(show).status_code == 404


def test_test_event_leads_to_its_delivery(people: People, api: Api) -> None:
    show = LIST + api.new_webhook()["id"]

    answer = people.mel.post(show + "/test", {"event_type": "post.failed"})
    assert answer.status_code == 303
    assert "/deliveries/dlv_" in answer.location
    assert people.mel.get(answer.location).status_code == 200
    people.mel.post(show + "/pause")
    assert people.mel.post(show + "/test").location.endswith(show)


def test_list_is_a_fragment_too(people: People, page: Page, api: Api) -> None:
    api.new_webhook()
    page.fragment(LIST, "webhook-list", people.vic)
    assert page.get(LIST + "?status=paused", people.vic).has_text("No webhook matches")
    unreadable = page.get(LIST + "?status=%00&cursor=%00", people.vic, status=422)
    assert unreadable.error_of("filter-status") == "Status: choose Active, Paused or Disabled."
