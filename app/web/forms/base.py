"""The base of all forms: services validate again, and their errors are shown beside the fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from flask import has_request_context, request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from wtforms import BooleanField, Field, PasswordField, SelectMultipleField

from app.lib.errors import SignalboxError
from app.web.forms import versions
from app.web.forms.drafts import Draft, take_draft
from app.web.forms.versions import Change

#: Browsers leave them out when nothing is ticked.
_MAY_BE_EMPTY = (BooleanField, SelectMultipleField)


@dataclass(frozen=True, slots=True)
class Difference:
    """The value of a field after another user's change, and the value that was about to be saved."""

    label: str
    theirs: str
    yours: str


@dataclass(frozen=True, slots=True)
class EditConflict:
    """The object was changed since the form was opened. `change` None: unknown by whom. `newer_url` drops the input."""

    change: Change | None
    differences: list[Difference]
    newer_url: str


class Form(FlaskForm):  # type: ignore[misc]
    """Base of all forms. The CSRF token is checked for the whole app, before any form is looked at.

    When a page gets back the input of a form whose session ended, the form holds it, whatever it was made with.
    """

    class Meta:
        csrf = False

    #: Fields besides passwords whose input is never kept, nor shown as a difference.
    SECRET_FIELDS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, formdata: Any = _Auto, **values: Any) -> None:  # noqa: ANN401 - what WTForms takes
        super().__init__(formdata, **values)
        #: The version of the object that the form changes; "" for a form that changes none.
        self.version = _sent_version() if formdata is _Auto else ""
        #: A concurrent change of the object.
        self.conflict: EditConflict | None = None
        #: A sentence about the form as a whole.
        self.notice: str | None = None
        draft = take_draft()
        if draft is not None and any(field.name in draft.fields for field in self):
            super().__init__(draft.fields, **values)
            self.version = draft.fields.get(versions.FIELD, "")
            self.notice = _notice_of(draft)

    @property
    def expected_version(self) -> frozenset[str] | None:
        """The version that the form was opened with, for the service; None when it was sent without one."""
        return frozenset({self.version}) if self.version else None

    def begin_with(self, version: str) -> None:
        """Set the version of the object whose values the form shows."""
        # Restored input belongs to the version that was read with it.
        if not self.version:
            self.version = version

    def show_conflict(self, theirs: "Form", change: Change | None, *, newer_url: str) -> None:
        """Show beside the input what the object is now (`theirs`); sent again, the form overwrites that."""
        differences = []
        for field in self:
            other = theirs._fields.get(field.name)
            # A field that the page does not show cannot differ visibly.
            if other is None or (field.name not in request.form and not isinstance(field, _MAY_BE_EMPTY)):
                continue
            old, new = _text_of(other), _text_of(field)
            if old != new:
                is_secret = isinstance(field, PasswordField) or field.short_name in self.SECRET_FIELDS
                shown = ("Not shown", "Not shown") if is_secret else (old, new)
                differences.append(Difference(str(field.label.text), *shown))
        self.conflict = EditConflict(change, differences, newer_url)
        self.version = theirs.version

    def take_errors(self, error: SignalboxError, names: Mapping[str, str] | None = None) -> None:
        """Show what a service refused beside its field, or above the form when no field is to blame.

        `names` maps the service's names of fields to the form's where they differ.
        """
        unplaced = []
        for item in error.errors:
            field = self._fields.get((names or {}).get(item.field, item.field))
            if field is None:
                unplaced.append(item.message)
            else:
                field.errors = [*field.errors, item.message]
        if not error.errors:
            unplaced.append(error.detail)
        self.form_errors: list[str] = [*self.form_errors, *unplaced]


def _sent_version() -> str:
    is_sent = has_request_context() and request.method == "POST"
    return request.form.get(versions.FIELD, "") if is_sent else ""


def _text_of(field: Field) -> str:
    """Return what a field holds, in the words that the page shows for it."""
    value = field.data
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(sorted(str(item) for item in value))
    if isinstance(value, float | Decimal):
        return f"{float(value):g}"
    choices = getattr(field, "choices", None)
    if isinstance(choices, Mapping) and value in choices:
        return str(choices[value])
    return "\n".join(str(value).strip().splitlines())


def _notice_of(draft: Draft) -> str:
    notice = "Your input is back. Nothing was saved yet: check it, then send the form."
    if draft.left_out:
        notice += f" Secrets are never kept, so fill in again: {', '.join(draft.left_out)}."
    return notice
