"""The blueprint of the API of integrations."""

from flask_openapi import Tag

from app.web.schemas import PROBLEMS
from app.web.schemes import Api

integrations_api = Api(
    "integrations_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="Integrations", description="Services that your team has connected.")],
)
