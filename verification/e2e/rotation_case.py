"""The base class of the rotation tests, and helpers that read and set the password without a rotation."""

import contextlib
import json
import pathlib
from typing import Any, Callable, Iterator

import pymysql
import secrets_manager
from secrets_manager import SECRET, begin, labels, step, value
from logs import QUERY, ROTATE, lines
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

SENTENCE = "Selected 3 items from RDS MySQL table"


def reads_of_the_query():
    return rule(**{"from": QUERY}, call="secretsmanager", moment="before", action={"delayMs": 0})


def kill(function: str) -> None:
    """Kills the busy instance of a function; there is exactly one."""
    (busy,) = instances(function, "busy")
    local(f"instances/{busy}/kill", {})


@contextlib.contextmanager
def observer() -> Iterator[pymysql.cursors.Cursor]:
    """A session of the observer account, which sees everything."""
    account = STACK["observer"]
    with contextlib.closing(
        pymysql.connect(
            unix_socket=account["socket"], user=account["user"], password=account["password"]
        )
    ) as connection, connection.cursor() as cursor:
        yield cursor


def observe(sql: str, *values: Any) -> Any:
    """The first row of a query by the observer account."""
    with observer() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


@contextlib.contextmanager
def passwords_locked() -> Iterator[Callable[[], int | None]]:
    """Blocks statements that change a password; logins still work. Yields a function that returns the
    session number of a blocked statement."""

    def waiting() -> int | None:
        row = observe(
            "SELECT id FROM information_schema.processlist WHERE user = %s AND state LIKE %s",
            STACK["mysql"]["adminUser"],
            "Waiting for table%",
        )
        return row and row[0]

    with observer() as cursor:
        # The server ends a session that is idle for 5 s.
        cursor.execute("SET SESSION wait_timeout = 600")
        cursor.execute("LOCK TABLES mysql.global_priv WRITE")
        yield waiting


def set_password(password: str) -> None:
    """Sets the account's password without a rotation."""
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


def set_variables(variables: dict[str, str]) -> None:
    """Replaces the variables of rotate and waits until they are in force."""
    LAMBDA.update_function_configuration(FunctionName=ROTATE, Environment={"Variables": variables})
    waiter = LAMBDA.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=ROTATE, WaiterConfig={"Delay": 1})


class Rotating(Rush):
    """A test that restores the database's password and the secret, and checks that no log has a password."""

    def setUp(self) -> None:
        super().setUp()
        self.original = SECRETS.get_secret_value(SecretId=SECRET)["SecretString"]
        # Every password of the test: none may be in a log.
        self.passwords = [self.password()]
        secrets_manager.enable()
        self.logged = len(lines(ROTATE))
        self.addCleanup(self.restore)

    def restore(self) -> None:
        local("faults", method="DELETE")
        self.passwords.append(self.password())
        secrets_manager.give_up()
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
        """Sets variables of rotate until the test ends."""
        environment = LAMBDA.get_function_configuration(FunctionName=ROTATE)["Environment"]
        self.addCleanup(set_variables, environment["Variables"])
        set_variables(environment["Variables"] | variables)

    def lines(self) -> list[dict[str, Any]]:
        """The log lines of rotate since the test began."""
        return lines(ROTATE)[self.logged :]

    def begin(self, *steps: str) -> str:
        """Starts a rotation and runs these steps."""
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
