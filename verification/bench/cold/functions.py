"""The functions under test: environment and events of each, from the running stack."""

import pathlib
import sys
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "e2e"))

import stack  # noqa: E402
from runtime_api import Answered  # noqa: E402
from tls import Front  # noqa: E402

ROOTS = (
    pathlib.Path("/etc/ssl/certs/ca-certificates.crt"),
    pathlib.Path("/etc/pki/tls/certs/ca-bundle.crt"),
)
"""The file with all root certificates, on Debian and on Amazon Linux."""


class Function(NamedTuple):
    """A function with its events: two of a kind, then those that release what the first two acquired."""

    name: str
    environment: dict[str, str]
    events: list[Any]

    def check(self, answers: list[Answered]) -> None:
        """Raises if an answer is not a successful one."""
        for one in answers:
            if one.is_error or not self.is_good(one.answer):
                raise RuntimeError(f"{self.name} returned {one.answer}")

    def is_good(self, answer: Any) -> bool:
        if self.name == "query":
            return answer["statusCode"] == 200
        return answer.get("granted") is True or answer.get("released") is True


def counter(front: Front) -> Function:
    def event(op: str, lease: str, **more: Any) -> dict[str, Any]:
        return {"op": op, "RDBMSName": stack.POOL, "lease": lease, **more}

    leases = [stack.new_lease() for _ in range(2)]
    return Function(
        "counter",
        environment("counter", front),
        [event("acquire", lease, ttlSeconds=60) for lease in leases]
        + [event("release", lease) for lease in leases],
    )


def query(front: Front) -> Function:
    event = {
        "resource": "/employees",
        "path": "/employees",
        "httpMethod": "GET",
        "headers": {"Host": "localhost"},
        "multiValueHeaders": {"Host": ["localhost"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "cold",
            "httpMethod": "GET",
            "identity": {"sourceIp": "127.0.0.1"},
            "path": "/employees",
            "protocol": "HTTP/1.1",
            "requestId": "cold",
            "resourcePath": "/employees",
            "stage": "prod",
        },
        "body": None,
        "isBase64Encoded": False,
    }
    return Function("query", environment("query", front), [event] * 2)


def environment(function: str, front: Front) -> dict[str, str]:
    """The environment of an instance, as in the local stack (local/src/instances/environment.rs)."""
    name = stack.STACK[f"{function}Function"]
    deployed = stack.LAMBDA.get_function_configuration(FunctionName=name)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        # One file, as on Amazon Linux. On Debian the SDK would also read a file for each root.
        "SSL_CERT_FILE": str(front.roots),
        "AWS_ENDPOINT_URL": front.url,
        "AWS_REGION": stack.STACK["region"],
        "AWS_DEFAULT_REGION": stack.STACK["region"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "cold",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed["MemorySize"]),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "cold",
        "_HANDLER": "bootstrap",
        **deployed["Environment"]["Variables"],
    }
