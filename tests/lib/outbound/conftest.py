"""What the outbound tests share: the opened loopback, and a certificate."""

import pytest

from app.lib.outbound import AllowedNetworks
from tests.certificates import make_certificate

LOOPBACK = AllowedNetworks.parse("127.0.0.0/8, [::1]/128")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Certificate and key file of a self-signed certificate for 127.0.0.1; the certificate is its own CA bundle."""
    return make_certificate(tmp_path_factory.mktemp("tls"))
