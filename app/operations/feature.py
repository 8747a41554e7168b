"""What operations announce: the page and the commands about jobs, and the permission that only operators have."""

from app.operations.cli import jobs_cli
from app.operations.views import jobs
from app.web.features import Feature, NavigationEntry, Section, Tab
from app.web.permissions import OPERATE, Permission, PermissionGroup

FEATURE = Feature(
    name="operations",
    pages=(jobs,),
    navigation=(
        NavigationEntry(
            section=Section.TEAM,
            label="Activity",
            icon="history",
            position=21,
            tabs=(Tab("Jobs", "jobs.index", OPERATE),),
        ),
    ),
    permissions=(
        Permission(
            OPERATE,
            "See and repeat the background jobs of this installation",
            PermissionGroup.TEAM,
            minimum_role=None,
        ),
    ),
    commands=(jobs_cli,),
)
