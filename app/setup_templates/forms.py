"""The form of a template."""

from wtforms import StringField

from app.web.forms import Form


class TemplateForm(Form):
    """What a template asks for: the address of its webhook, where it makes one."""

    url = StringField("Address of the webhook")
