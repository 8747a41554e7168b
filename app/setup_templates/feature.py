"""What templates announce: their pages."""

from app.setup_templates.views import setup_templates
from app.web.features import Feature, NavigationEntry, Section, Tab

FEATURE = Feature(
    name="setup_templates",
    pages=(setup_templates,),
    navigation=(
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Integrations",
            icon="plug",
            position=11,
            tabs=(Tab("Templates", "setup_templates.index", "integrations:read"),),
        ),
    ),
)
