"""The words of the request log. Pure."""

#: (value, label) of the filter.
DIRECTIONS = (("in", "In: calls of the API"), ("out", "Out: calls to services"))
#: What calls to services are for.
PURPOSES = {"test": "Test", "rest": "REST endpoint", "graphql": "GraphQL operation", "message": "Message"}
