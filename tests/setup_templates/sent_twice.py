"""The form of templates, for the test that sends every form twice."""

from tests.web.forms.sent import in_team

REPEATABLE: dict[str, str] = {}
FORMS = {"setup_templates.set_up": in_team("integrations/templates/{template_slug}")}
