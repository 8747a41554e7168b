"""A GraphQL server on a real loopback socket: graphql-core behind a WSGI server."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from graphql import GraphQLSchema, build_schema, graphql_sync

SDL = """
type Query {
  orders(first: Int! = 10, status: Status, filter: Filter): [Order!]!
  order(id: ID!): Order
  broken: String
  echo(text: String): String
}
type Mutation {
  cancelOrder(id: ID!, reason: String): Order
}
type Order {
  id: ID!
  total: Float!
  status: Status!
  note: String
  fails: String
}
enum Status { OPEN SHIPPED }
input Filter { minTotal: Float  tags: [String!] }
"""


class Orders:
    """The root of the server's data. Mutations are counted."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def orders(self, _info: Any, first: int, **_filters: Any) -> list[dict[str, Any]]:
        return [_order(str(number)) for number in range(first)]

    def order(self, _info: Any, id: str) -> dict[str, Any]:
        return _order(id)

    def broken(self, _info: Any) -> str:
        raise ValueError("the order desk is closed")

    def echo(self, _info: Any, text: str = "") -> str:
        return text

    def cancelOrder(self, _info: Any, id: str, reason: str = "") -> dict[str, Any]:  # noqa: N802
        self.cancelled.append(id)
        return _order(id)


def _order(order_id: str) -> dict[str, Any]:
    def fail(_info: Any) -> str:
        raise ValueError("no note")

    return {"id": order_id, "total": 12.5, "status": "OPEN", "note": None, "fails": fail}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]
    headers: dict[str, str]


Reply = Callable[[Asked], tuple[str, list[tuple[str, str]], bytes]]


class GraphQLServer:
    """Answers GraphQL over HTTP by `schema`. `reply`, where it is set, answers instead."""

    def __init__(self, sdl: str = SDL) -> None:
        self.schema: GraphQLSchema = build_schema(sdl)
        self.root = Orders()
        self.asked: list[Asked] = []
        self.reply: Reply | None = None
        #: Without this header the schema is not shown.
        self.admin_secret: str | None = None
        self._server = make_server(
            "127.0.0.1", 0, self._application, server_class=_Server, handler_class=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/graphql"

    def change(self, sdl: str) -> None:
        """Serve another schema from now on."""
        self.schema = build_schema(sdl)

    def answer_with(
        self, body: bytes, status: str = "200 OK", content_type: str = "application/json"
    ) -> None:
        """Answer everything so from now on."""
        self.reply = lambda _: (status, [("Content-Type", content_type)], body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        headers = {name[5:].lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
        asked = Asked(body["query"], body.get("operationName"), body.get("variables") or {}, headers)
        self.asked.append(asked)
        status, response_headers, answer = (self.reply or self._execute)(asked)
        start_response(status, [*response_headers, ("Content-Length", str(len(answer)))])
        return [answer]

    def _execute(self, asked: Asked) -> tuple[str, list[tuple[str, str]], bytes]:
        is_hidden = self.admin_secret and asked.headers.get("x_admin_secret") != self.admin_secret
        if is_hidden and "__schema" in asked.query:
            answer: Any = {"errors": [{"message": "introspection is disabled"}]}
        else:
            result = graphql_sync(
                self.schema,
                asked.query,
                root_value=self.root,
                variable_values=asked.variables,
                operation_name=asked.operation_name,
            )
            answer = result.formatted
        return "200 OK", [("Content-Type", "application/json")], json.dumps(answer).encode()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Write nothing to stderr."""
