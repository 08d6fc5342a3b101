"""A TLS proxy for the stack's AWS endpoint, which is plain HTTP. On AWS every connection begins with a handshake,
which takes most of the processor time of a first invocation."""

import contextlib
import datetime
import pathlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


class Front(NamedTuple):
    """Its URL, and a file with the roots that trust it."""

    url: str
    roots: pathlib.Path


@contextlib.contextmanager
def front(url: str, system_roots: Sequence[pathlib.Path]) -> Iterator[Front]:
    """Forwards to `url`. The roots are those of the first existing file of `system_roots`, as many as a function
    reads on AWS, and the proxy's own."""
    with tempfile.TemporaryDirectory() as folder:
        chain, key, roots = (pathlib.Path(folder) / name for name in ("chain.pem", "key.pem", "roots.pem"))
        root = certificates(chain, key)
        system = next((path.read_bytes() for path in system_roots if path.exists()), b"")
        roots.write_bytes(system + root)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            there = urlsplit(url)
            address = there.hostname, there.port
            threading.Thread(target=accept, args=(listener, context, address), daemon=True).start()
            yield Front(f"https://localhost:{listener.getsockname()[1]}", roots)


def accept(listener: socket.socket, context: ssl.SSLContext, address: tuple[str, int]) -> None:
    # Ends when the listener closes.
    with contextlib.suppress(OSError):
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=forward, args=(caller, context, address), daemon=True).start()


def forward(caller: socket.socket, context: ssl.SSLContext, address: tuple[str, int]) -> None:
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A killed function does not close its connections.
    with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as inside:
        with socket.create_connection(address) as outside:
            outside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
            pump(inside, outside)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def certificates(chain: pathlib.Path, key: pathlib.Path) -> bytes:
    """Writes a certificate for localhost with its issuer, both RSA as on AWS, and its key. Returns the root."""
    root_key, signer_key, own_key = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    root = certificate("root", root_key, "root", root_key, is_authority=True)
    signer = certificate("signer", signer_key, "root", root_key, is_authority=True)
    own = certificate("localhost", own_key, "signer", signer_key, is_authority=False)
    pem = serialization.Encoding.PEM
    chain.write_bytes(own.public_bytes(pem) + signer.public_bytes(pem))
    key.write_bytes(
        own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return root.public_bytes(pem)


def certificate(
    name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, is_authority: bool
) -> x509.Certificate:
    def common(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(common(name))
        .issuer_name(common(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + 24 * hour)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
