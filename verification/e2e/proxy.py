"""Ways to the stack's AWS APIs on which something happens to what passes."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import STACK

# What belongs to one connection, or is told anew.
OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "expect"}


class Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        loses, before = self.server.lose(body)
        if loses and before:
            self.close_connection = True
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in OWN_HEADERS}
        request = urllib.request.Request(STACK["awsEndpoint"] + self.path, body, headers)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            said = answer.read()
        if loses:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    """Loses some calls, or their answers."""

    def __init__(self, op: str, times: int, before: bool):
        super().__init__(("127.0.0.1", 0), Passage)
        self.op, self.left, self.before = op, times, before
        self.lock = threading.Lock()

    def lose(self, body: bytes) -> tuple[bool, bool]:
        """Whether this call is lost, and whether before it arrives."""
        payload = json.loads(body or b"{}")
        with self.lock:
            loses = payload.get("op") == self.op and self.left > 0
            self.left -= loses
        return loses, self.before


class Before(ThreadingHTTPServer):
    """Loses nothing; before a call whose payload has these fields arrives, something else is done."""

    def __init__(self, fields: dict[str, str], act: Callable[[], None]):
        super().__init__(("127.0.0.1", 0), Passage)
        self.fields, self.act = fields, act
        self.times = 0

    def lose(self, body: bytes) -> tuple[bool, bool]:
        if self.fields.items() <= json.loads(body or b"{}").items():
            self.times += 1
            self.act()
        return False, False


@contextlib.contextmanager
def serving(proxy: ThreadingHTTPServer) -> Iterator[str]:
    """The address of a way, which is there as long as this lasts."""
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}"
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@contextlib.contextmanager
def losing(op: str, times: int, before: bool = False) -> Iterator[str]:
    """The address of a way that loses the answers to the first `times` calls `op`, or the calls."""
    proxy = Proxy(op, times, before)
    with serving(proxy) as way:
        yield way
        assert proxy.left == 0, f"{proxy.left} calls were not made"
