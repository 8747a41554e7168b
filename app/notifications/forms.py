"""The form of a notification."""

from wtforms import SelectField, SelectMultipleField, StringField

from app.notifications.rules import TYPES
from app.web.forms import Form


class NotificationForm(Form):
    """Which events are told to which chat."""

    integration_id = SelectField("Integration", choices=[], validate_choice=False)
    channel = StringField(
        "Channel",
        description="Its name, such as #alerts, or its id. Leave it empty for an incoming webhook, which has its own.",
    )
    event_types = SelectMultipleField(
        "Tell it when", choices={name: name for name in TYPES}, validate_choice=False
    )
