"""The form that makes an API key."""

from wtforms import SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from app.accounts.forms import Form, strip
from app.api_keys.services import NAME_CHARS_MAX
from app.web.permissions import SCOPES


class NewKeyForm(Form):
    name = StringField(
        "Name",
        filters=[strip],
        validators=[
            DataRequired("Give the key a name."),
            Length(max=NAME_CHARS_MAX, message=f"Use at most {NAME_CHARS_MAX} characters."),
        ],
    )
    scopes = SelectMultipleField("Scopes", validators=[InputRequired("Choose at least one scope.")])

    def offer(self, permissions: frozenset[str]) -> None:
        """Let the form choose among the scopes that somebody with these permissions can grant."""
        self.scopes.choices = {scope: scope for scope in SCOPES if scope in permissions}
