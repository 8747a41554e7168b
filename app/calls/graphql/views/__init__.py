"""Pages of GraphQL."""

# Importing them adds their views to the blueprint.
from app.calls.graphql.views import operations, schemas  # noqa: F401
from app.calls.graphql.views.blueprint import graphql as graphql_pages

__all__ = ["graphql_pages"]
