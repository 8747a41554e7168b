"""What the dashboard announces: the home page of a team."""

from app.dashboard.api import dashboard_api
from app.dashboard.views import dashboard
from app.web.features import Feature, NavigationEntry, Section, Tab

FEATURE = Feature(
    name="dashboard",
    pages=(dashboard,),
    apis=(dashboard_api,),
    navigation=(
        NavigationEntry(
            section=Section.HOME,
            label="Home",
            icon="home",
            position=0,
            tabs=(Tab("Home", "dashboard.home", "events:read"),),
        ),
    ),
)
