"""Every form of every page, sent twice: the second gets what came of the first, and nothing is done again."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app.accounts import tokens
from app.accounts.models import User
from app.api_keys.models import ApiKey
from app.audit.models import AuditEntry
from app.config import SignUp
from app.extensions import db
from app.lib import clock
from app.web.schemes import SESSION, scheme_of
from app.webhooks.models import Webhook
from app.wiring import FEATURES
from tests.page import Page
from tests.people import PASSWORD, People, Visitor
from tests.races import at_once
from tests.waiting_jobs import waiting_mails
from tests.web.forms.sending import KEY, WEBHOOK, copy_of, hidden_fields, send
from tests.web.forms.sent import FormScene, Sent, in_team

NEW_PASSWORD = "seven slow herons"
PERSON = {"name": "Nora", "email": "nora@example.com", "password": NEW_PASSWORD}
TYPE = {"name": "order.sent", "example": "{}"}

#: Forms that may be sent again on purpose, and why the second does no harm.
REPEATABLE = {
    "accounts.download_recovery_codes": "hands back what was sent",
    "accounts.openid_link": "leads to the provider with a new state; the one before is never used",
    "accounts.sign_out": "nobody is signed in any more",
    "accounts.switch_team": "leads to the team again",
    "accounts.theme": "sets the same theme",
}
#: Tables in which one act leaves several rows. What they are about is looked at instead.
SEVERAL = {"audit_entries", "outgoing_mails", "recovery_codes"}


def _job(scene: FormScene, *, act: str, is_asked: bool) -> Sent:
    path = f"/t/acme/jobs/{scene.failed_job()}/{act}"
    return Sent(scene.owner, path if is_asked else "/t/acme/jobs/", path)


def _account(form: str, **typed: str) -> Callable[[FormScene], Sent]:
    fields = {f"{form}-{name}": value for name, value in typed.items()}
    return lambda scene: Sent(scene.owner, "/account", f"/account/{form}", fields)


def _cancel_email_change(scene: FormScene) -> Sent:
    scene.stored(update(User).where(User.id == scene.people.alice.id).values(new_email="al@example.com"))
    return Sent(scene.owner, "/account", "/account/email/cancel")


def _confirm_email_change(scene: FormScene) -> Sent:
    scene.stored(update(User).where(User.id == scene.people.alice.id).values(new_email="al@example.com"))
    path = f"/account/email/{scene.token(tokens.email_token)}"
    return Sent(scene.people.anybody(), path, path)


def _enable_second_factor(scene: FormScene) -> Sent:
    path = "/account/second-factor"
    shown = scene.page.get(path, scene.owner)
    code = pyotp.TOTP(shown.text(shown.by_id("totp-secret")).replace(" ", "")).now()
    return Sent(scene.owner, path, path, {"code": code, "current_password": PASSWORD})


def _with_second_factor(act: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        secret, _ = scene.second_factor()
        path = f"/account/second-factor/{act}"
        typed = {"code": pyotp.TOTP(secret).now(), "current_password": PASSWORD}
        return Sent(scene.owner, path, path, typed)

    return sent


def _code(scene: FormScene, *, is_recovery: bool) -> Sent:
    secret, recovery_codes = scene.second_factor()
    visitor = scene.people.anybody()
    assert visitor.sign_in("alice@example.com").location == "/sign-in/code"
    if is_recovery:
        return Sent(visitor, "/sign-in/recovery-code", "/sign-in/recovery-code", {"code": recovery_codes[0]})
    return Sent(visitor, "/sign-in/code", "/sign-in/code", {"code": pyotp.TOTP(secret).now()})


def _end_one_session(scene: FormScene) -> Sent:
    assert scene.owner.get("/account").status_code == 200
    scene.people.alice.new_visitor()
    path = f"/account/sessions/{scene.latest_session()}/end"
    return Sent(scene.owner, path, path)


def _end_own_session(scene: FormScene) -> Sent:
    visitor = scene.people.alice.new_visitor()
    path = f"/account/sessions/{scene.latest_session()}/end"
    return Sent(visitor, path, path)


def _end_other_sessions(scene: FormScene) -> Sent:
    scene.people.alice.new_visitor()
    return Sent(scene.owner, "/account/sessions", "/account/end-sessions")


def _sign_up(scene: FormScene) -> Sent:
    return Sent(scene.people.anybody(), "/sign-up", "/sign-up", {**PERSON, "team_name": "Fourth"})


def _use_link(prefix: str, make: Callable[[User], str], **typed: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        path = f"{prefix}/{scene.token(make)}"
        return Sent(scene.people.anybody(), path, path, typed)

    return sent


def _accept(scene: FormScene) -> Sent:
    path = f"/invitations/{scene.invitation()}"
    return Sent(scene.people.charlie.visitor, path, f"{path}/accept")


def _join(scene: FormScene) -> Sent:
    path = f"/invitations/{scene.invitation()}"
    return Sent(scene.people.anybody(), path, f"{path}/join", PERSON)


def _public(path: str, **typed: str) -> Callable[[FormScene], Sent]:
    return lambda scene: Sent(scene.people.anybody(), path, path, typed)


def _key(act: str, *, asked_at: str | None = None, **typed: Any) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        key = f"/t/acme/api-keys/{scene.key()}"
        if act == "end-grace":
            assert scene.owner.post(f"{key}/regenerate", {"grace_s": "3600"}).status_code == 303
        if act == "keep":
            scene.stored(update(ApiKey).values(review_since=clock.now(), review_reason="left"))
        return Sent(scene.owner, key if act == "keep" else f"{key}/{act}", f"{key}/{act}", typed)

    return sent


def _event_type(act: str, **typed: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        scene.event_type()
        path = f"/t/acme/event-types/order.sent/{act}"
        return Sent(scene.owner, path, path, typed)

    return sent


def _resume(scene: FormScene) -> Sent:
    scene.stored(update(Webhook).values(status="paused"))
    return in_team("webhooks/{webhook_id}/resume", backlog="discard")(scene)


def _leave(scene: FormScene) -> Sent:
    return Sent(scene.people.vic.visitor, "/t/acme/leave", "/t/acme/leave")


def _step_down(scene: FormScene) -> Sent:
    """Return the form with which an admin makes a viewer of themselves: they may not send it again."""
    path = f"/t/acme/members/{scene.people.bob.id}/role"
    return Sent(scene.people.bob.visitor, "/t/acme/members", path, {"role": "viewer"})


def _remove_oneself(scene: FormScene) -> Sent:
    path = f"/t/acme/members/{scene.people.bob.id}/remove"
    return Sent(scene.people.bob.visitor, path, path)


def _transfer(scene: FormScene) -> Sent:
    to = scene.people.bob.id
    return Sent(scene.owner, f"/t/acme/settings/transfer?to={to}", "/t/acme/settings/transfer", {"to": to})


#: By endpoint; what stands behind a colon is another way to send the same form.
FORMS: dict[str, Callable[[FormScene], Sent]] = {
    "accounts.accept_invitation": _accept,
    "accounts.cancel_email_change": _cancel_email_change,
    "accounts.change_email": _account("email", email="al@example.com", current_password=PASSWORD),
    "accounts.change_name": _account("name", name="Allie"),
    "accounts.change_password": _account("password", current_password=PASSWORD, new_password=NEW_PASSWORD),
    "accounts.confirm_email_change": _confirm_email_change,
    "accounts.create_account": _sign_up,
    "accounts.create_team": lambda scene: Sent(scene.owner, "/teams/new", "/teams/new", {"name": "Third"}),
    "accounts.disable_second_factor": _with_second_factor("disable"),
    "accounts.enable_second_factor": _enable_second_factor,
    "accounts.end_all_sessions": lambda scene: Sent(
        scene.owner, "/account/sessions/end-all", "/account/sessions/end-all"
    ),
    "accounts.end_one_session": _end_one_session,
    "accounts.end_one_session: one's own": _end_own_session,
    "accounts.end_other_sessions": _end_other_sessions,
    "accounts.finish_with_code": partial(_code, is_recovery=False),
    "accounts.finish_with_recovery_code": partial(_code, is_recovery=True),
    "accounts.join": _join,
    "accounts.renew_recovery_codes": _with_second_factor("renew-codes"),
    "accounts.request_reset": _public("/forgot-password", email="alice@example.com"),
    "accounts.request_sign_in_link": _public("/sign-in/link", email="alice@example.com"),
    "accounts.start_signed_in_session": _public("/sign-in", email="alice@example.com", password=PASSWORD),
    "accounts.store_new_password": _use_link("/reset-password", tokens.reset_token, password=NEW_PASSWORD),
    "accounts.use_sign_in_link": _use_link("/sign-in/link", tokens.sign_in_token),
    "api_keys.create": in_team("api-keys/new", **KEY),
    "api_keys.end_grace": _key("end-grace"),
    "api_keys.keep": _key("keep"),
    "api_keys.regenerate": _key("regenerate", grace_s="0"),
    "api_keys.revoke": _key("revoke"),
    "api_keys.update": _key(
        "edit", name="Renamed", scopes=["events:read"], expiry="keep", per_hour="1000", per_day="10000"
    ),
    "deliveries.retry": in_team("deliveries/{delivery_id}", "deliveries/{delivery_id}/retry"),
    "event_types.create": in_team("event-types/new", **TYPE),
    "event_types.delete": _event_type("delete"),
    "event_types.update": _event_type("edit", description="Sent off", example="{}"),
    "jobs.dismiss": partial(_job, act="dismiss", is_asked=True),
    "jobs.retry": partial(_job, act="retry", is_asked=False),
    "teams.change_role": in_team("members", "members/{user_id}/role", role="viewer"),
    "teams.change_role: one's own": _step_down,
    "teams.invite": in_team("invitations/new", role="viewer", email=""),
    "teams.leave": _leave,
    "teams.remove_member": in_team("members/{user_id}/remove"),
    "teams.remove_member: oneself": _remove_oneself,
    "teams.rename": in_team("settings", name="Renamed"),
    "teams.revoke_invitation": in_team("invitations/{invitation_id}/revoke"),
    "teams.transfer": _transfer,
    "webhooks.create": in_team("webhooks/new", **WEBHOOK),
    "webhooks.delete": in_team("webhooks/{webhook_id}/delete"),
    "webhooks.pause": in_team("webhooks/{webhook_id}", "webhooks/{webhook_id}/pause"),
    "webhooks.resume": _resume,
    "webhooks.test": in_team("webhooks/{webhook_id}", "webhooks/{webhook_id}/test", event_type=""),
    "webhooks.update": in_team("webhooks/{webhook_id}/edit", **{**WEBHOOK, "name": "Renamed"}),
}
#: They are proved where what they need stands.
ELSEWHERE = {
    "accounts.create_first_owner": "an installation without users: below",
    "accounts.openid_unlink": "a provider: tests/accounts/test_openid.py",
}


# A feature can prove its forms beside its tests.
for feature in FEATURES:
    named = f"tests.{feature.name}.sent_twice"
    if find_spec(f"tests.{feature.name}") is not None and find_spec(named) is not None:
        module = import_module(named)
        FORMS |= module.FORMS
        REPEATABLE |= module.REPEATABLE


@pytest.fixture
def scene(
    app: Flask,
    people: People,
    page: Page,
    redis_url: str,
    samples: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> FormScene:
    open_to_all = app.config["SETTINGS"].model_copy(update={"sign_up": SignUp.OPEN})
    monkeypatch.setitem(app.config, "SETTINGS", open_to_all)
    return FormScene(app, people, page, redis_url, samples)


def rows(app: Flask) -> dict[str, int]:
    """Return how many rows each table has."""
    with app.app_context():
        return {
            name: db.session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in db.metadata.tables.items()
        }


def acts(app: Flask) -> Counter[tuple[str, ...]]:
    """Return what the audit trails tell, and which mails wait."""
    told: Counter[tuple[str, ...]] = Counter((kind,) for kind in waiting_mails(app))
    with app.app_context():
        for team_id, action in db.session.execute(select(AuditEntry.team_id, AuditEntry.action)):
            told[team_id or "", action] += 1
    return told


def where_it_leads(visitor: Visitor, answer: TestResponse) -> tuple[str, int]:
    """Return the page that the browser ends on, and its status."""
    shown = visitor.client.get(answer.location or "", follow_redirects=True)
    return shown.request.full_path, shown.status_code


def test_every_form_is_proved_here_or_may_be_repeated(app: Flask) -> None:
    with app.app_context():
        endpoints = {
            rule.endpoint
            for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or ()) and scheme_of(rule.endpoint) is SESSION
        }
        run_once = {name for name in endpoints if getattr(app.view_functions[name], "runs_once", False)}

    assert endpoints - run_once == set(REPEATABLE)
    assert run_once == {name.partition(":")[0] for name in FORMS} | set(ELSEWHERE)


@pytest.mark.parametrize("name", FORMS)
def test_second_gets_what_came_of_the_first(scene: FormScene, name: str) -> None:
    sent = FORMS[name](scene)
    hidden = hidden_fields(scene.page, sent.page, sent.action, sent.visitor)
    clicked_twice = copy_of(sent.visitor)

    first = send(sent.visitor, sent.action, sent.typed, hidden)
    after_first = rows(scene.app)
    second = send(clicked_twice, sent.action, sent.typed, hidden)

    assert (first.status_code, second.status_code) == (303, 303)
    assert second.location == first.location
    assert rows(scene.app) == after_first
    landed = where_it_leads(clicked_twice, second)
    assert landed == where_it_leads(sent.visitor, first)
    assert landed[1] == 200


@pytest.mark.postgresql
@pytest.mark.parametrize("name", FORMS)
def test_of_two_at_once_one_is_carried_out(scene: FormScene, name: str) -> None:
    sent = FORMS[name](scene)
    hidden = hidden_fields(scene.page, sent.page, sent.action, sent.visitor)
    before, told_before = rows(scene.app), acts(scene.app)
    clicks = [partial(send, copy_of(sent.visitor), sent.action, sent.typed, hidden) for _ in range(2)]

    answers = at_once(clicks)

    # On a machine so busy that the first takes seconds, the second says that it runs.
    assert sorted(answer.status_code for answer in answers) in ([303, 303], [303, 409])
    assert len({answer.location for answer in answers if answer.status_code == 303}) == 1
    done = rows(scene.app)
    assert {table for table in done if done[table] > before[table] + 1} <= SEVERAL
    told = acts(scene.app) - told_before
    assert max(told.values(), default=1) == 1, told
    third = send(copy_of(sent.visitor), sent.action, sent.typed, hidden)
    assert third.status_code == 303
    assert rows(scene.app) == done


def test_first_owner_is_created_once(app: Flask, page: Page, visitor: Visitor) -> None:
    with app.app_context():
        path = f"/setup/{tokens.first_owner_token()}"
    typed = {**PERSON, "team_name": "First"}
    hidden = hidden_fields(page, path, path, visitor)
    clicked_twice = copy_of(visitor)

    first = send(visitor, path, typed, hidden)
    second = send(clicked_twice, path, typed, hidden)

    assert (first.status_code, second.status_code) == (303, 303)
    assert second.location == first.location
    assert where_it_leads(clicked_twice, second) == ("/t/first/?", 200)
    assert (rows(app)["users"], rows(app)["user_sessions"]) == (1, 1)


def test_who_was_refused_by_a_message_may_send_the_same_again(scene: FormScene) -> None:
    sent = FORMS["webhooks.test"](scene)
    hidden = hidden_fields(scene.page, sent.page, sent.action, sent.visitor)
    scene.stored(update(Webhook).values(status="paused"))
    refused = send(sent.visitor, sent.action, sent.typed, hidden)
    scene.stored(update(Webhook).values(status="active"))

    sent_now = send(sent.visitor, sent.action, sent.typed, hidden)

    assert refused.location == sent.page
    assert "/deliveries/" in sent_now.location


def test_session_that_a_form_renewed_is_not_given_to_an_old_cookie_later(
    scene: FormScene, advance_clock: Callable[[float], None]
) -> None:
    sent = FORMS["accounts.end_other_sessions"](scene)
    hidden = hidden_fields(scene.page, sent.page, sent.action, sent.visitor)
    old_cookie = copy_of(sent.visitor)
    send(sent.visitor, sent.action, sent.typed, hidden)

    advance_clock(60)
    later = send(old_cookie, sent.action, sent.typed, hidden)

    assert later.location == sent.page
    assert old_cookie.get(sent.page).location.startswith("/sign-in")
    assert sent.visitor.get(sent.page).status_code == 200


def test_result_is_for_the_browser_that_sent_the_form(scene: FormScene) -> None:
    sent = FORMS["teams.leave"](scene)
    hidden = hidden_fields(scene.page, sent.page, sent.action, sent.visitor)
    other = scene.people.vic.new_visitor()
    send(sent.visitor, sent.action, sent.typed, hidden)

    taken = other.post(sent.action, {**sent.typed, "form_token": hidden["form_token"]})

    assert taken.status_code == 404
