"""Proxies in front of the stack's AWS APIs that lose calls or act on them."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import STACK

# Headers of one connection, and those that each side sets itself.
OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "expect"}


class Handler(BaseHTTPRequestHandler):
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
            content = answer.read()
        if loses:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    """Loses the first `times` calls of an operation, or their answers."""

    def __init__(self, op: str, times: int, before: bool):
        super().__init__(("127.0.0.1", 0), Handler)
        self.op, self.left, self.before = op, times, before
        self.lock = threading.Lock()

    def lose(self, body: bytes) -> tuple[bool, bool]:
        """Whether this call is lost, and whether that happens before it reaches the stack."""
        payload = json.loads(body or b"{}")
        with self.lock:
            loses = payload.get("op") == self.op and self.left > 0
            self.left -= loses
        return loses, self.before


class Before(ThreadingHTTPServer):
    """Loses nothing; runs `act` before it forwards a call whose payload has these fields."""

    def __init__(self, fields: dict[str, str], act: Callable[[], None]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.fields, self.act = fields, act
        self.times = 0

    def lose(self, body: bytes) -> tuple[bool, bool]:
        if self.fields.items() <= json.loads(body or b"{}").items():
            self.times += 1
            self.act()
        return False, False


@contextlib.contextmanager
def serving(proxy: ThreadingHTTPServer) -> Iterator[str]:
    """Runs a proxy; yields its address."""
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
    """Runs a proxy that loses the answers to the first `times` calls of `op`; the calls themselves if `before`."""
    proxy = Proxy(op, times, before)
    with serving(proxy) as address:
        yield address
        assert proxy.left == 0, f"{proxy.left} calls were not made"
