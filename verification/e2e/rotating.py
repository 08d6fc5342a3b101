"""What the tests of the rotation share: the password, seen and set past it, and faults on demand."""

import contextlib
import json
import pathlib
from typing import Any, Callable, Iterator

import pymysql
import rotation
from rotation import SECRET, begin, labels, step, value
from stack import (
    LAMBDA,
    SECRETS,
    STACK,
    FunctionError,
    Rush,
    admitted,
    get,
    instances,
    local,
    rule,
)

ROTATE, QUERY, COUNTER = STACK["rotateFunction"], STACK["queryFunction"], STACK["counterFunction"]
SENTENCE = "Selected 3 items from RDS MySQL table"


def reads_of_the_query():
    return rule(**{"from": QUERY}, call="secretsmanager", moment="before", action={"delayMs": 0})


def kill(function: str) -> None:
    """Kills the instance of a function that is in an invocation."""
    (busy,) = instances(function, "busy")
    local(f"instances/{busy}/kill", {})


@contextlib.contextmanager
def observer() -> Iterator[pymysql.cursors.Cursor]:
    """A session of the account that sees everything."""
    account = STACK["observer"]
    with contextlib.closing(
        pymysql.connect(
            unix_socket=account["socket"], user=account["user"], password=account["password"]
        )
    ) as connection, connection.cursor() as cursor:
        yield cursor


def observe(sql: str, *values: Any) -> Any:
    """The first row of what the account that sees everything is answered."""
    with observer() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


@contextlib.contextmanager
def passwords_locked() -> Iterator[Callable[[], int | None]]:
    """A statement that changes a password waits at the server; everybody can log in. Yields a function
    that tells the number of the session that waits."""

    def waiting() -> int | None:
        row = observe(
            "SELECT id FROM information_schema.processlist WHERE user = %s AND state LIKE %s",
            STACK["mysql"]["adminUser"],
            "Waiting for table%",
        )
        return row and row[0]

    with observer() as cursor:
        # The server ends a session that says nothing for 5 s.
        cursor.execute("SET SESSION wait_timeout = 600")
        cursor.execute("LOCK TABLES mysql.global_priv WRITE")
        yield waiting


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


def set_variables(variables: dict[str, str]) -> None:
    """Sets those of rotate, and no others, and waits until they are in force."""
    LAMBDA.update_function_configuration(FunctionName=ROTATE, Environment={"Variables": variables})
    waiter = LAMBDA.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=ROTATE, WaiterConfig={"Delay": 1})


class Rotating(Rush):
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
        self.assertEqual(admitted().body, SENTENCE)
        for path in pathlib.Path(STACK["logs"]).rglob("*"):
            if path.is_file():
                text = path.read_text(errors="replace")
                for password in self.passwords:
                    self.assertNotIn(password, text, path)

    def password(self) -> str:
        return value("AWSCURRENT")["password"]

    def configure(self, **variables: str) -> None:
        """Sets variables of rotate, until the test ends."""
        environment = LAMBDA.get_function_configuration(FunctionName=ROTATE)["Environment"]
        self.addCleanup(set_variables, environment["Variables"])
        set_variables(environment["Variables"] | variables)

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
