"""Tests of GraphQL through integrations."""
