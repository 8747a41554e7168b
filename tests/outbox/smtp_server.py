"""A mail server on loopback with configurable replies."""

import email
import socketserver
import threading
from collections.abc import Callable
from email.message import Message
from types import TracebackType
from typing import Self


class SmtpServer:
    """Keeps the mails that were sent to it. `answer` gets each and returns the reply, such as `451 Try again later`.

    `goodbye` is the reply to QUIT.
    """

    def __init__(self, answer: Callable[[Message], str] = lambda _mail: "250 OK") -> None:
        self.answer = answer
        self.goodbye = "221 Bye"
        self.mails: list[Message] = []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self) -> None:
                server._talk(self.rfile.readline, lambda line: self.wfile.write(f"{line}\r\n".encode()))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A sender that was killed is no error of the server."""

        self._server = Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    @property
    def recipients(self) -> list[str]:
        """To whom the mails were, in the order of the alphabet."""
        return sorted(str(mail["To"]) for mail in self.mails)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _talk(self, read: Callable[[], bytes], say: Callable[[str], object]) -> None:
        say("220 mail.example.com")
        while line := read():
            command = line[:4].upper().strip()
            if command == b"DATA":
                say("354 Go on")
                content = b""
                while (part := read()) not in (b".\r\n", b""):
                    content += part
                mail = email.message_from_bytes(content)
                self.mails.append(mail)
                say(self.answer(mail))
            elif command == b"QUIT":
                say(self.goodbye)
                return
            else:
                say("250 OK")
