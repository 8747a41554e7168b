"""What a provider is: the service, its form, how requests prove who sends them, its OAuth. Pure data and small hooks.

One module of `app.integrations.providers` describes one provider; pages, API, OAuth and calls are made from that.
Addresses may hold names in braces, such as `https://{subdomain}.zendesk.com`: each stands for a field of the form or for
something that the provider said when it was connected (`Provider.known_names`).
"""

from app.integrations.spec.auth import AuthMethod as AuthMethod
from app.integrations.spec.auth import BasicAuth as BasicAuth
from app.integrations.spec.auth import Check as Check
from app.integrations.spec.auth import HeaderAuth as HeaderAuth
from app.integrations.spec.auth import NoAuth as NoAuth
from app.integrations.spec.auth import OAuthAuth as OAuthAuth
from app.integrations.spec.auth import Placement as Placement
from app.integrations.spec.auth import QueryAuth as QueryAuth
from app.integrations.spec.fields import Field as Field
from app.integrations.spec.fields import FieldKind as FieldKind
from app.integrations.spec.fields import Scope as Scope
from app.integrations.spec.oauth import OAuth as OAuth
from app.integrations.spec.oauth import Pkce as Pkce
from app.integrations.spec.oauth import Refused as Refused
from app.integrations.spec.oauth import RevocationRequest as RevocationRequest
from app.integrations.spec.provider import Category as Category
from app.integrations.spec.provider import IntegrationType as IntegrationType
from app.integrations.spec.provider import Provider as Provider
from app.integrations.spec.provider import Sunset as Sunset
