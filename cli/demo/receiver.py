"""The team's side of the webhook: a receiver that believes nothing without a valid signature."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1 << 20


class Alert(NamedTuple):
    """One webhook as it was received, signature checked."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def report_id(self) -> str:
        """The report that it is about."""
        return str(self.body["data"]["id"])


class Receiver:
    """Listens on loopback while it is entered; `alerts` holds what came, repeats left out."""

    def __init__(self, secret: str) -> None:
        self._by_id: dict[str, Alert] = {}
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, Webhook(secret)))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def host(self) -> str:
        """Host and port, as AUGENTIS_WEBHOOK_ALLOW names them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Where to post alerts."""
        return f"http://{self.host}/alerts"

    @property
    def alerts(self) -> list[Alert]:
        """What was received so far."""
        return list(self._by_id.values())

    def take(self, headers: dict[str, str], body: bytes, webhook: Webhook) -> bool:
        """Take a message if its signature is valid; say whether it is."""
        try:
            webhook.verify(body, headers)
        except WebhookVerificationError:
            self.refused += 1
            return False
        self._by_id.setdefault(headers["webhook-id"], Alert(headers, json.loads(body)))
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(receiver: Receiver, webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = min(int(self.headers.get("content-length") or 0), LARGEST_BODY)
            headers = {name.lower(): value for name, value in self.headers.items()}
            taken = receiver.take(headers, self.rfile.read(length), webhook)
            self.send_response(204 if taken else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            """Say nothing: the terminal shows progress."""

    return Handler
