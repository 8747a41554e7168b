"""What a member or key granted ends or is reviewed once they lose the right; nobody changes keys beyond their scopes."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.accounts.models import Invitation
from app.api_keys import services
from app.api_keys.models import ApiKey
from app.api_keys.services import CreatedKey
from app.audit.models import AuditEntry
from app.extensions import db
from app.lib import clock
from app.web.permissions import FULL, Role, permissions_of
from tests.page import Page
from tests.people import People, Person, Visitor

FORM = {"name": "Nora", "email": "nora@example.com", "password": "a lighthouse keeper"}


def key_of(
    app: Flask, people: People, *scopes: str, by: Person | None = None, name: str = "orders"
) -> CreatedKey:
    """Return a new key; `by`: who made it, else the operator."""
    with app.app_context():
        return services.create_key(
            people.acme.id,
            name,
            scopes=scopes,
            granted_by=frozenset({FULL}),
            created_by_id=by.id if by else None,
        )


def call(app: Flask, method: str, path: str, key: CreatedKey, **options: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {key.token}"}
    return app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)


def made_by(app: Flask, key: CreatedKey, *scopes: str) -> CreatedKey:
    """Return a new key that a key makes."""
    answer = call(app, "POST", "/keys", key, json={"name": "made", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return CreatedKey(answer.get_json()["id"], answer.get_json()["key"])


def link_of(app: Flask, key: CreatedKey) -> str:
    """Have the key invite somebody; return the path of the link."""
    answer = call(app, "POST", "/invitations", key, json={"role": "member"})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return "/invitations/" + str(answer.get_json()["url"]).rpartition("/")[2]


def actions(app: Flask) -> list[str]:
    with app.app_context():
        found = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        db.session.remove()
    return list(found)


def row_of(app: Flask, key: CreatedKey) -> ApiKey:
    with app.app_context():
        found = db.session.get_one(ApiKey, key.id)
        db.session.remove()
    return found


class TestInvitations:
    @pytest.fixture
    def key(self, app: Flask, people: People) -> CreatedKey:
        return key_of(app, people, "members:manage", "keys:manage", by=people.bob)

    @pytest.fixture
    def link(self, app: Flask, key: CreatedKey) -> str:
        return link_of(app, key)

    def assert_invalid(self, app: Flask, visitor: Visitor, people: People, link: str) -> None:
        assert visitor.post(f"{link}/join", FORM).status_code == 409
        assert people.charlie.post(f"{link}/accept").status_code == 409
        answer = people.alice.get("/t/acme/invitations?state=open").get_data(as_text=True)
        assert "No invitation matches" in answer

    def test_one_by_a_key_that_works_lets_in(self, visitor: Visitor, link: str) -> None:
        assert visitor.post(f"{link}/join", FORM).status_code == 303

    def test_one_ends_with_its_key(
        self, app: Flask, people: People, visitor: Visitor, key: CreatedKey, link: str
    ) -> None:
        people.alice.post(f"/t/acme/api-keys/{key.id}/revoke")

        self.assert_invalid(app, visitor, people, link)
        assert "invitation.revoked" in actions(app)

    def test_one_ends_when_its_key_expires(
        self, app: Flask, people: People, visitor: Visitor, key: CreatedKey, link: str
    ) -> None:
        with app.app_context():
            db.session.execute(update(ApiKey).values(expires_at=clock.now() - timedelta(seconds=1)))
            db.session.commit()

        self.assert_invalid(app, visitor, people, link)

    def test_one_ends_when_its_key_loses_the_scope(
        self, app: Flask, people: People, visitor: Visitor, key: CreatedKey, link: str
    ) -> None:
        with app.app_context():
            services.change_key(
                people.acme.id, key.id, {"scopes": ["keys:manage"]}, granted_by=frozenset({FULL})
            )

        self.assert_invalid(app, visitor, people, link)

    def test_one_ends_when_the_creator_of_its_key_loses_the_right(
        self, app: Flask, people: People, visitor: Visitor, link: str
    ) -> None:
        people.alice.post(f"/t/acme/members/{people.bob.id}/role", {"role": "viewer"})

        self.assert_invalid(app, visitor, people, link)

    def test_those_of_other_keys_stay(
        self, app: Flask, people: People, visitor: Visitor, key: CreatedKey
    ) -> None:
        link = link_of(app, key_of(app, people, "members:manage"))

        people.alice.post(f"/t/acme/api-keys/{key.id}/revoke")

        assert visitor.post(f"{link}/join", FORM).status_code == 303


class TestReview:
    @pytest.fixture
    def key(self, app: Flask, people: People) -> CreatedKey:
        return key_of(app, people, "events:read", "members:manage", "keys:manage", by=people.bob)

    @pytest.mark.parametrize("how", ["demoted", "removed", "left"])
    def test_keys_of_who_loses_the_right_wait_for_a_review(
        self, app: Flask, people: People, page: Page, key: CreatedKey, how: str
    ) -> None:
        if how == "demoted":
            people.alice.post(f"/t/acme/members/{people.bob.id}/role", {"role": "member"})
        elif how == "removed":
            people.alice.post(f"/t/acme/members/{people.bob.id}/remove")
        else:
            people.bob.post("/t/acme/leave")

        assert row_of(app, key).review_since is not None
        assert "api_key.review_needed" in actions(app)
        assert page.get("/t/acme/", people.alice).has_text("Keep or revoke it.")
        assert page.get("/t/acme/api-keys/?state=review", people.alice).has_text("orders")
        assert page.get(f"/t/acme/api-keys/{key.id}", people.alice).has_text("This key waits for a review")

    def test_it_goes_on_working_but_grants_nothing(self, app: Flask, people: People, key: CreatedKey) -> None:
        """A removed member must not come back by a key of theirs, and production must not stop."""
        assert call(app, "GET", "/events", key).status_code == 200

        people.alice.post(f"/t/acme/members/{people.bob.id}/remove")

        assert call(app, "GET", "/events", key).status_code == 200
        assert call(app, "POST", "/invitations", key, json={"role": "admin"}).status_code == 403
        assert call(app, "GET", "/keys", key).status_code == 403
        path = f"/t/acme/api-keys/{key.id}/simulate?method=GET&path=/api/v1/keys"
        assert "until its review" in people.alice.get(path).get_data(as_text=True)

    def test_full_key_grants_nothing_either(self, app: Flask, people: People) -> None:
        key = key_of(app, people, FULL, by=people.alice)

        people.alice.post("/t/acme/settings/transfer", {"to": people.bob.id})

        assert call(app, "GET", "/events", key).status_code == 200
        assert call(app, "PATCH", "/team", key, json={"name": "Mine"}).status_code == 403

    def test_kept_key_is_as_before_and_its_keeper_is_responsible(
        self, app: Flask, people: People, key: CreatedKey
    ) -> None:
        people.alice.post(f"/t/acme/members/{people.bob.id}/remove")

        assert people.alice.post(f"/t/acme/api-keys/{key.id}/keep").status_code == 303

        assert call(app, "GET", "/keys", key).status_code == 200
        found = row_of(app, key)
        assert (found.review_since, found.responsible_id) == (None, people.alice.id)
        assert actions(app)[-1] == "api_key.kept"

    def test_keeping_over_the_api(self, app: Flask, people: People, key: CreatedKey) -> None:
        caller = key_of(app, people, FULL, name="caller")
        weaker = key_of(app, people, "keys:manage", name="weaker")
        people.alice.post(f"/t/acme/members/{people.bob.id}/remove")
        assert call(app, "GET", f"/keys/{key.id}", caller).get_json()["review_since"]
        assert call(app, "POST", f"/keys/{key.id}/keep", weaker).status_code == 403

        kept = call(app, "POST", f"/keys/{key.id}/keep", caller)

        assert (kept.status_code, kept.get_json()["review_since"]) == (200, None)
        assert row_of(app, key).responsible_id == caller.id

    def test_keys_that_a_key_made_wait_once_it_is_revoked(
        self, app: Flask, people: People, key: CreatedKey
    ) -> None:
        made = call(app, "POST", "/keys", key, json={"name": "made", "scopes": ["events:read"]}).get_json()[
            "id"
        ]

        people.alice.post(f"/t/acme/api-keys/{key.id}/revoke")

        with app.app_context():
            assert db.session.get_one(ApiKey, made).review_since is not None

    def test_keys_that_a_key_made_wait_with_it(self, app: Flask, people: People, key: CreatedKey) -> None:
        """Who was removed must not be let in again by a key that a key of theirs made."""
        made = made_by(app, key, "keys:manage", "members:manage")
        made_by_that = made_by(app, made, "keys:manage", "members:manage")
        link = link_of(app, made_by_that)

        people.alice.post(f"/t/acme/members/{people.bob.id}/remove")

        for each in (made, made_by_that):
            assert row_of(app, each).review_since is not None
            assert call(app, "POST", "/invitations", each, json={"role": "admin"}).status_code == 403
            assert call(app, "POST", f"/keys/{key.id}/keep", each).status_code == 403
        assert people.charlie.post(f"{link}/accept").status_code == 409

    def test_keys_that_keep_each_other_wait_once(self, app: Flask, people: People, key: CreatedKey) -> None:
        made = made_by(app, key, "keys:manage", "members:manage", "events:read")
        with app.app_context():
            db.session.execute(update(ApiKey).where(ApiKey.id == key.id).values(responsible_id=made.id))
            db.session.commit()

        people.alice.post(f"/t/acme/api-keys/{key.id}/revoke")

        assert row_of(app, made).review_since is not None
        assert actions(app).count("api_key.review_needed") == 1

    def test_keys_within_what_is_left_need_no_review(self, app: Flask, people: People) -> None:
        """An owner who becomes admin may still make these."""
        key = key_of(app, people, "events:read", by=people.alice)
        mightier = key_of(app, people, FULL, by=people.alice)

        people.alice.post("/t/acme/settings/transfer", {"to": people.bob.id})

        assert row_of(app, key).review_since is None
        assert row_of(app, mightier).review_since is not None

    def test_keys_of_others_and_of_the_operator_need_none(self, app: Flask, people: People) -> None:
        keys = [key_of(app, people, FULL), key_of(app, people, FULL, by=people.alice)]

        people.alice.post(f"/t/acme/members/{people.bob.id}/remove")

        assert [row_of(app, key).review_since for key in keys] == [None, None]


class TestKeysWithMoreScopes:
    """Bob is admin; `admin:full` is for owners."""

    @pytest.fixture
    def key(self, app: Flask, people: People) -> CreatedKey:
        return key_of(app, people, FULL, by=people.alice)

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "mine"},
            {"networks": []},
            {"per_hour": 1},
            {"expires_at": None},
            {"scopes": ["events:read"]},
        ],
    )
    def test_settings_are_refused(
        self, app: Flask, people: People, key: CreatedKey, changes: dict[str, Any]
    ) -> None:
        caller = key_of(app, people, *sorted(permissions_of(Role.ADMIN)), name="caller")

        answer = call(app, "PATCH", f"/keys/{key.id}", caller, json=changes)

        assert answer.status_code == 403
        assert "has admin:full, which you lack" in answer.get_json()["detail"]

    def test_page_refuses_with_words(self, people: People, page: Page, key: CreatedKey) -> None:
        form = {"name": "mine", "scopes": [FULL], "expiry": "keep", "per_hour": "5", "per_day": "5"}

        answer = people.bob.post(f"/t/acme/api-keys/{key.id}/edit", form)

        assert answer.status_code == 403
        assert page.read(answer).has_text("You can revoke the key.")
        assert not any(
            link.endswith("/edit") for link in page.get(f"/t/acme/api-keys/{key.id}", people.bob).links()
        )

    def test_regenerating_is_refused(self, app: Flask, people: People, key: CreatedKey) -> None:
        assert people.bob.post(f"/t/acme/api-keys/{key.id}/regenerate", {"grace_s": "0"}).status_code == 403

        assert call(app, "GET", "/events", key).status_code == 200

    def test_revoking_stays_allowed(self, app: Flask, people: People, key: CreatedKey) -> None:
        assert people.bob.post(f"/t/acme/api-keys/{key.id}/revoke").status_code == 303

        assert call(app, "GET", "/events", key).status_code == 401
        with app.app_context():
            assert db.session.scalar(select(Invitation.id)) is None
