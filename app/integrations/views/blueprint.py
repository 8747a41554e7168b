"""The blueprint of the pages of integrations."""

from app.web.schemes import Pages

integrations = Pages("integrations", __name__, url_prefix="/t/<team>/integrations")
