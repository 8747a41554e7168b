"""Forms of event types."""

from wtforms import StringField, TextAreaField

from app.web.forms import Form


class EventTypeForm(Form):
    """A type of the team's own. `example` holds JSON text."""

    name = StringField(
        "Name", description="Words joined by dots, such as order.shipped. It cannot be changed later."
    )
    description = TextAreaField("Description", description="When it happens, for whoever subscribes to it.")
    example = TextAreaField(
        "Example data", description="The data of an example event, as a JSON object. Test events send it."
    )
