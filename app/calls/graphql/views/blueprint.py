"""The blueprint of the pages of GraphQL."""

from app.web.schemes import Pages

graphql = Pages("graphql", __name__, url_prefix="/t/<team>/calls/graphql")
