"""The Lambda Runtime API for one instance, on loopback: serves the given events and records times."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LIMIT = 30
"""Seconds within which an instance must answer all events."""


class Answered(NamedTuple):
    """One invocation."""

    taken: float
    """When the event was sent."""
    answered: float
    """When its answer began to arrive."""
    answer: Any
    is_error: bool
    process: Any
    """What `inspect` returned at the answer."""


class RuntimeApi:
    """Serves one instance: init, then one invocation after the other. Times are `time.perf_counter`'s.

    `inspect` is called at the instance's first request for an event, and after each answer."""

    def __init__(self, events: Sequence[Any], inspect: Callable[[], Any]):
        self.requested: float | None = None
        """When the instance requested its first event."""
        self.initialised: Any = None
        """What `inspect` returned then."""
        self.answers: list[Answered] = []
        self.error: str | None = None
        """The error that the instance reported, or how it ended."""
        self._events = list(events)
        self._taken = 0.0
        self._inspect = inspect
        self._done = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def parse_request(self) -> bool:
                # Only the request line has been read so far.
                self.begun = time.perf_counter()
                return super().parse_request()

            def do_GET(self) -> None:
                api._next(self)

            def do_POST(self) -> None:
                api._post(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self) -> None:
        """Waits until the instance has answered all events and requested one more, or has reported an error."""
        if not self._done.wait(LIMIT):
            raise TimeoutError(f"{len(self.answers)} answers within {LIMIT} s")
        if self.error is not None:
            raise RuntimeError(self.error)

    def ended(self, status: int) -> None:
        """Records the end of the instance's process."""
        if not self._done.is_set():
            self.error = f"the process ended with status {status} after {len(self.answers)} answers"
            self._done.set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self, request: Any) -> None:
        if self.requested is None:
            self.requested, self.initialised = request.begun, self._inspect()
        if not self._events:
            # Keeps the request open until the instance is killed.
            self._done.set()
            threading.Event().wait(LIMIT)
            return
        body = json.dumps(self._events.pop(0)).encode()
        request.send_response(200)
        for name, value in (
            ("Lambda-Runtime-Aws-Request-Id", f"00000000-0000-4000-8000-{len(self.answers):012}"),
            ("Lambda-Runtime-Deadline-Ms", str(int((time.time() + LIMIT) * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:cold"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            request.send_header(name, value)
        request.end_headers()
        self._taken = time.perf_counter()
        request.wfile.write(body)
        request.wfile.flush()

    def _post(self, request: Any) -> None:
        process = self._inspect()
        text = self._body(request)
        if request.path.endswith("/init/error"):
            self.error = text
            self._done.set()
        else:
            is_error = request.path.endswith("/error")
            answer = json.loads(text)
            self.answers.append(Answered(self._taken, request.begun, answer, is_error, process))
        request.send_response(202)
        request.send_header("Content-Length", "0")
        request.end_headers()

    @staticmethod
    def _body(request: Any) -> str:
        if "chunked" not in request.headers.get("Transfer-Encoding", ""):
            return request.rfile.read(int(request.headers.get("Content-Length", 0))).decode()
        body = b""
        while size := int(request.rfile.readline(), 16):
            body += request.rfile.read(size)
            request.rfile.readline()
        request.rfile.readline()
        return body.decode()
