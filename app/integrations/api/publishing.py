"""`/api/v1/integrations/published` and `…/<id>/published`: what teams offer to each other."""

from app.idempotency.api import idempotent
from app.integrations.api.blueprint import integrations_api
from app.integrations.offers import Offer
from app.integrations.queries.catalogue import find_published, users_of
from app.integrations.queries.integrations import get_integration, get_row
from app.integrations.schemas.integrations import IntegrationOut, IntegrationPath
from app.integrations.schemas.publishing import (
    OfferOut,
    PublicationOut,
    PublishedList,
    PublishedOut,
    PublishedPath,
    PublishIn,
    SetUpIn,
    UsersOut,
)
from app.integrations.services.publishing import publish_integration, withdraw_integration
from app.integrations.services.setting_up import set_up_published
from app.web.access import principal, require
from app.web.schemas import Problem


@integrations_api.get(
    "/integrations/published", summary="Get what other teams publish", responses={200: PublishedList}
)
@require("integrations:read")
def get_published() -> PublishedList:
    """Return the integrations that other teams of the installation have published."""
    return PublishedList(data=[PublishedOut.of(one) for one in find_published(principal().team_id)])


@integrations_api.post(
    "/integrations/published/<published_id>/set-up",
    summary="Set up what another team publishes",
    responses={201: IntegrationOut, 409: Problem},
)
@require("integrations:write")
@idempotent(IntegrationOut, status=201, replay=lambda integration_id: _shown(integration_id))
def set_up(path: PublishedPath, body: SetUpIn) -> tuple[IntegrationOut, int]:
    """Make an integration of your own from it. Its team sees that yours uses it, by name, and nothing else.

    What is missing is said by `status_reason` and `next_step`. Credentials go to the addresses that the other team wrote.
    """
    caller = principal()
    integration_id = set_up_published(
        caller.team_id,
        path.published_id,
        {**body.config, **body.credentials},
        created_by_id=caller.id if caller.kind == "user" else None,
    )
    return _shown(integration_id), 201


@integrations_api.get(
    "/integrations/<integration_id>/published",
    summary="Get how an integration is published",
    responses={200: PublicationOut},
)
@require("integrations:read")
def get_publication(path: IntegrationPath) -> PublicationOut:
    """Return what other teams are offered of it, and who has made one from it."""
    return _publication(path.integration_id)


@integrations_api.put(
    "/integrations/<integration_id>/published",
    summary="Publish an integration",
    responses={200: PublicationOut},
)
@require("integrations:write")
def publish(path: IntegrationPath, body: PublishIn) -> PublicationOut:
    """Offer it as it is now to the other teams of the installation, in place of what was offered before."""
    publish_integration(principal().team_id, path.integration_id, body.config)
    return _publication(path.integration_id)


@integrations_api.delete(
    "/integrations/<integration_id>/published",
    summary="Take an integration back",
    responses={204: None},
)
@require("integrations:write")
def withdraw(path: IntegrationPath) -> tuple[str, int]:
    """Offer it to nobody any more. What other teams have made from it stays as it is."""
    withdraw_integration(principal().team_id, path.integration_id)
    return "", 204


def _publication(integration_id: str) -> PublicationOut:
    integration = get_integration(principal().team_id, integration_id)
    offer = OfferOut.of(Offer.stored(integration.offer)) if integration.offer else None
    users = users_of(integration.id)
    return PublicationOut(
        is_public=integration.is_public,
        published_at=integration.published_at,
        offer=offer,
        users=UsersOut(integration_count=users.integration_count, team_names=list(users.team_names)),
    )


def _shown(integration_id: str) -> IntegrationOut:
    return IntegrationOut.of(get_row(principal().team_id, integration_id))
