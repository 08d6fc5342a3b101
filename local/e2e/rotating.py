"""What the tests of the rotation share: the password, seen and set past it, and faults on demand."""

import contextlib
import json
import pathlib
import time
import urllib.request
from typing import Any

import pymysql
import rotation
from rotation import SECRET, begin, labels, step, value
from stack import SECRETS, STACK, FunctionError, QuietStack, get

ROTATE, QUERY = STACK["rotateFunction"], STACK["queryFunction"]
SENTENCE = "Selected 3 items from RDS MySQL table"


def local(path: str, body: Any = None, method: str | None = None) -> Any:
    """Asks the stack itself."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    url = f"{STACK['awsEndpoint']}/_local/{path}"
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        said = answer.read()
    return json.loads(said) if said else None


@contextlib.contextmanager
def rule(**rule: Any):
    """Calls meet this; yields a function that tells how often they have."""
    number = local("faults", rule)["id"]

    def hits() -> int:
        return next(listed["hits"] for listed in local("faults") if listed["id"] == number)

    try:
        yield hits
    finally:
        local(f"faults/{number}", method="DELETE")


def reads_of_the_query():
    return rule(**{"from": QUERY}, call="secretsmanager", moment="before", action={"delayMs": 0})


def forget_secrets() -> None:
    """Ends the idle instances of the query: the next one has to read the secret."""
    for instance in local("instances"):
        if instance["function"] == QUERY and instance["state"] == "idle":
            local(f"instances/{instance['id']}/kill", {})
    while any(instance["function"] == QUERY for instance in local("instances")):
        time.sleep(0.01)


def observe(sql: str, *values: Any) -> Any:
    """The first row of what the account that sees everything is answered."""
    observer = STACK["observer"]
    with contextlib.closing(
        pymysql.connect(
            unix_socket=observer["socket"], user=observer["user"], password=observer["password"]
        )
    ) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


def set_password(password: str) -> None:
    """Sets the account's password past the rotation."""
    observe("ALTER USER %s@'%%' IDENTIFIED BY %s", STACK["mysql"]["adminUser"], password)


def refused_logins() -> int:
    return int(observe("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")[1])


def lets_in(password: str) -> bool:
    mysql = STACK["mysql"]
    address = {"host": mysql["host"], "port": mysql["port"], "user": mysql["adminUser"]}
    try:
        pymysql.connect(**address, password=password).close()
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1045, error
        return False
    return True


def log(function: str) -> list[dict[str, Any]]:
    folder = pathlib.Path(STACK["logs"]) / function
    lines = [line for path in folder.rglob("*.log") for line in path.read_text().splitlines()]
    # One file is one instance.
    return sorted(map(json.loads, lines), key=lambda line: line["timestamp"])


class Rotating(QuietStack):
    """A test that finds and leaves the database and the secret as they were deployed."""

    def setUp(self) -> None:
        super().setUp()
        self.original = SECRETS.get_secret_value(SecretId=SECRET)["SecretString"]
        # Every password that there was: none may be in a log.
        self.passwords = [self.password()]
        rotation.enable()
        self.logged = len(log(ROTATE))
        self.addCleanup(self.restore)

    def restore(self) -> None:
        local("faults", method="DELETE")
        self.passwords.append(self.password())
        rotation.give_up()
        set_password(json.loads(self.original)["password"])
        SECRETS.put_secret_value(SecretId=SECRET, SecretString=self.original)
        self.assertEqual(get("/employees").body, SENTENCE)
        for path in pathlib.Path(STACK["logs"]).rglob("*"):
            if path.is_file():
                text = path.read_text(errors="replace")
                for password in self.passwords:
                    self.assertNotIn(password, text, path)

    def password(self) -> str:
        return value("AWSCURRENT")["password"]

    def lines(self) -> list[dict[str, Any]]:
        """What rotate has logged since the test began."""
        return log(ROTATE)[self.logged :]

    def begin(self, *steps: str) -> str:
        """A rotation that has come so far."""
        token = begin()
        for name in steps:
            step(name, token)
        if steps:
            self.passwords.append(value("AWSPENDING")["password"])
        return token

    def assert_rotated(self, token: str, before: str) -> None:
        self.assertIn("AWSCURRENT", labels()[token])
        after = self.password()
        self.passwords.append(after)
        self.assertNotEqual(after, before)
        self.assertEqual((lets_in(before), lets_in(after)), (False, True))
        self.assertEqual(get("/employees").body, SENTENCE)

    def assert_refused(self, error_type: str, name: str, token: str) -> FunctionError:
        with self.assertRaises(FunctionError) as refused:
            step(name, token)
        self.assertEqual(refused.exception.type, error_type, refused.exception)
        return refused.exception
