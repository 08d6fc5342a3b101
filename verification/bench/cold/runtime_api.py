"""The Runtime API of one instance, on loopback: hands out the given events, and notes when what came."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LIMIT = 30
"""Seconds in which an instance must have answered all."""


class Answered(NamedTuple):
    """One invocation."""

    taken: float
    """When its event was sent."""
    answered: float
    """When its answer began to arrive."""
    answer: Any
    is_error: bool
    process: Any
    """What `look` said when the answer was there."""


class RuntimeApi:
    """Serves one instance: init, then one invocation after the other. Times are `time.perf_counter`'s.

    `look` is called when the instance has asked for its first event, and after each answer."""

    def __init__(self, events: Sequence[Any], look: Callable[[], Any]):
        self.asked: float | None = None
        """When the instance asked for its first event."""
        self.initialised: Any = None
        """What `look` said then."""
        self.answers: list[Answered] = []
        self.error: str | None = None
        """What the instance reported instead of asking, or how it ended."""
        self._events = list(events)
        self._taken = 0.0
        self._look = look
        self._done = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def parse_request(self) -> bool:
                # The first line has been read, and nothing else done with it yet.
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
        """Until the instance has answered all events and asked for one more, or has reported an error."""
        if not self._done.wait(LIMIT):
            raise TimeoutError(f"{len(self.answers)} answers within {LIMIT} s")
        if self.error is not None:
            raise RuntimeError(self.error)

    def ended(self, status: int) -> None:
        """The instance's process is no more."""
        if not self._done.is_set():
            self.error = f"the process ended with status {status} after {len(self.answers)} answers"
            self._done.set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self, request: Any) -> None:
        if self.asked is None:
            self.asked, self.initialised = request.begun, self._look()
        if not self._events:
            # Held until the instance is ended: there is nothing left to do.
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
        process = self._look()
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
