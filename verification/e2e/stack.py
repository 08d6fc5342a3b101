"""A client of the running stack: stack.json, boto3, HTTP and SQL."""

import contextlib
import json
import os
import secrets
import time
import unittest
import urllib.error
import urllib.request
from http.client import HTTPMessage
from typing import Any, Callable, NamedTuple

import boto3
import pymysql
from botocore.config import Config

STACK = json.load(open(os.environ["STACK_JSON"]))
POOL = STACK["pool"]
SLOTS, STANDARD = 62, 60


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: str

    @property
    def problem(self) -> str:
        """The last segment of the problem's type."""
        assert self.headers["content-type"] == "application/problem+json", self
        return json.loads(self.body)["type"].rsplit("/", 1)[1]


class FunctionError(Exception):
    """A function error as Lambda reports it."""

    def __init__(self, payload: dict[str, Any]):
        super().__init__(payload)
        self.type = payload["errorType"]
        self.message = payload["errorMessage"]


def client(service: str) -> Any:
    # No retries: a test sees every answer.
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=200)
    return boto3.client(
        service,
        endpoint_url=STACK["awsEndpoint"],
        region_name=STACK["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


LAMBDA, TABLES, SECRETS = client("lambda"), client("dynamodb"), client("secretsmanager")


def invoke(function: str, payload: Any) -> Any:
    answer = LAMBDA.invoke(FunctionName=function, Payload=json.dumps(payload))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionError(result)
    return result


def counter(**payload: Any) -> Any:
    return invoke(STACK["counterFunction"], {"RDBMSName": POOL, **payload})


def acquire(lease: str, ttl: int, **more: Any) -> Any:
    """Acquires a slot; retries while the counter throttles the request."""
    while True:
        answer = counter(op="acquire", lease=lease, ttlSeconds=ttl, **more)
        if answer.get("reason") != "throttled":
            return answer
        time.sleep(answer["retryAfterMs"] / 1000)


def new_lease() -> str:
    return secrets.token_urlsafe(6)


def release(lease: str) -> Any:
    return counter(op="release", lease=lease)


@contextlib.contextmanager
def leases(count: int, ttl: int = 60):
    """Holds `count` slots."""
    taken = [new_lease() for _ in range(count)]
    try:
        for lease in taken:
            assert acquire(lease, ttl)["granted"]
        yield taken
    finally:
        for lease in taken:
            release(lease)


def shard(number: int) -> dict[str, Any] | None:
    """The pool's item with this number, or None."""
    key = {"RDBMSName": {"S": f"{POOL}#{number}" if number else POOL}}
    return TABLES.get_item(TableName=STACK["table"], Key=key, ConsistentRead=True).get("Item")


def item() -> dict[str, Any]:
    """The pool's item; the first one of a split pool."""
    first = shard(0)
    assert first, "there is no pool"
    return first


def in_use(item: dict[str, Any]) -> int:
    return int(item["InUse"]["N"])


def get(path: str, method: str = "GET", **headers: str) -> Answer:
    request = urllib.request.Request(STACK["apiUrl"] + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read().decode())


def admitted(path: str = "/employees") -> Answer:
    """Sends a GET and honours Retry-After for up to 15 s: right after a slot is released, an instance may
    still have a full pool cached."""
    deadline = time.monotonic() + 15
    while (answer := get(path)).status == 503 and time.monotonic() < deadline:
        time.sleep(min(float(answer.headers["retry-after"]), 1))
    return answer


def until(happened: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def switch(**variables: str) -> None:
    """Sets variables of the query function and waits until they are in force."""
    function = STACK["queryFunction"]
    environment = LAMBDA.get_function_configuration(FunctionName=function)["Environment"]
    environment["Variables"] |= variables
    LAMBDA.update_function_configuration(FunctionName=function, Environment=environment)
    LAMBDA.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})


def local(path: str, body: Any = None, method: str | None = None) -> Any:
    """Calls the control API of the local stack."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    url = f"{STACK['awsEndpoint']}/_local/{path}"
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else None


@contextlib.contextmanager
def rule(**rule: Any):
    """Adds a fault rule; yields a function that returns how many calls it has hit."""
    number = local("faults", rule)["id"]

    def hits() -> int:
        return next(listed["hits"] for listed in local("faults") if listed["id"] == number)

    try:
        yield hits
    finally:
        local(f"faults/{number}", method="DELETE")


def instances(function: str, state: str) -> list[str]:
    """The instances of a function in this state."""
    return [
        instance["id"]
        for instance in local("instances")
        if (instance["function"], instance["state"]) == (function, state)
    ]


def forget(function: str) -> None:
    """Ends the idle instances of a function, and with them their caches."""
    idle = set(instances(function, "idle"))
    for instance in idle:
        local(f"instances/{instance}/kill", {})
    until(lambda: not idle & {instance["id"] for instance in local("instances")})


def connect() -> pymysql.Connection:
    mysql = STACK["mysql"]
    return pymysql.connect(
        host=mysql["host"],
        port=mysql["port"],
        user=mysql["adminUser"],
        password=mysql["adminPassword"],
        database=mysql["database"],
        autocommit=True,
        # The server's default of 5 s is too short between two statements on a busy machine.
        init_command="SET SESSION wait_timeout = 600",
    )


def query(sql: str) -> Any:
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        return row and row[0]


class QuietStack(unittest.TestCase):
    """A test that finds the pool empty and leaves it empty."""

    def setUp(self) -> None:
        self.assert_quiet()
        self.addCleanup(self.assert_quiet)

    def assert_quiet(self) -> None:
        now = item()
        self.assertEqual((now["InUse"], now["Leases"]), ({"N": "0"}, {"M": {}}))


class Rush(QuietStack):
    """A test that fills the pool. Afterwards it ends the counter's instances: with a full pool cached, they
    could reject the next test's first requests."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(forget, STACK["counterFunction"])
