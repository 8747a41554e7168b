"""Finding integrations, always within a team."""

from sqlalchemy import select

from app.extensions import db
from app.integrations.models import Integration
from app.lib.errors import NotFound
from app.lib.ids import is_id


def get_integration(team_id: str, integration_id: str) -> Integration:
    """Return an integration of the team. Raises NotFound."""
    query = select(Integration).where(Integration.team_id == team_id, Integration.id == integration_id)
    integration = db.session.scalars(query).one_or_none() if is_id(integration_id, "int") else None
    if integration is None:
        raise NotFound("There is no such integration in this team. It may have been deleted.")
    return integration
