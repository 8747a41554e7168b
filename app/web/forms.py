"""The base of all forms: services have the last word, and their errors land beside the fields."""

from collections.abc import Mapping

from flask_wtf import FlaskForm

from app.lib.errors import SignalboxError


class Form(FlaskForm):  # type: ignore[misc]
    """Base of all forms. The CSRF token is checked for the whole app, before any form is looked at."""

    class Meta:
        csrf = False

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
