"""Forms: their base class, and behaviour that all forms share.

A form is carried out once (`tokens`), does not overwrite concurrent changes (`versions`), and its input survives the end
of the session in which it was typed (`drafts`).
"""

from app.web.forms.base import Form as Form
from app.web.forms.drafts import keeps_input as keeps_input
from app.web.forms.tokens import runs_once as runs_once
from app.web.forms.versions import Change as Change
