"""What is checked before a run, and of each answer."""

from app.calls.rest.definition import Definition
from app.calls.rest.queries import EndpointRow
from app.calls.rest.services.reports import Stop, Stopped
from app.integrations.providers import get_provider
from app.integrations.services.call_log import failure_of
from app.lib.errors import Conflict
from app.lib.outbound import Result


def check_path(row: EndpointRow, definition: Definition) -> None:
    """Raise Conflict where the integration's address takes no path: it is a secret as a whole, or there is none."""
    integration = row.integration
    provider = get_provider(integration.provider)
    method = provider.auth_method(integration.auth_method)
    if not provider.base_url_of(method):
        raise Conflict(f"{provider.name} has no address that could be called.")
    if definition.path and not provider.takes_paths(method):
        raise Conflict(f"The address of {integration.name} is complete. Leave the endpoint's path empty.")


def check_success(result: Result) -> None:
    """Raise Stopped unless the service answered with success, and completely."""
    failure = failure_of(result)
    if failure is not None:
        raise Stopped(Stop.FAILED, failure[1])
    status = result.status_code or 0
    if 300 <= status < 400:
        raise Stopped(
            Stop.FAILED, f"The service answered {status}. Redirects are not followed: call the new address."
        )
    if not 200 <= status < 300:
        raise Stopped(Stop.FAILED, f"The service answered {status}. Its answer says why.")
