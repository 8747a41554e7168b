"""Forms: the base of all of them, and what holds for every form whatever it is about.

A form is carried out once (`tokens`), does not overwrite what somebody else changed meanwhile (`versions`), and its input
outlives the session in which it was typed (`drafts`).
"""

from app.web.forms.base import Form as Form
from app.web.forms.drafts import keeps_input as keeps_input
from app.web.forms.tokens import runs_once as runs_once
from app.web.forms.versions import Change as Change
