"""A Lambda function that connects to MySQL only while it holds a slot.

In its package: PyMySQL, and AWS's global-bundle.pem (or another file of roots).
In its environment: COUNTER_FUNCTION, POOL_NAME, SECRET_ARN, and DB_CA: the roots' path, or "off".
"""

import contextlib
import json
import math
import os
import secrets
import socket
import ssl
import time

import boto3
import pymysql
from botocore.config import Config

# The lease outlives its holder by this, and in it nothing is said to the server any more.
GRACE = 5
# The server ends a session that is silent for so long.
IDLE = 2
# How a server refuses a password: 1045, and on MariaDB also 1698, where the account has a second way to log in.
REFUSED = (1045, 1698)
# Kept of the holder's time, for closing the connection and giving the slot back.
MARGIN = 1

# The counter answers within 5 s or not at all. An invoke may be repeated: it names the same lease.
AWS = Config(connect_timeout=2, read_timeout=6, retries={"total_max_attempts": 2})
LAMBDA = boto3.client("lambda", config=AWS)
SECRETS = boto3.client("secretsmanager", config=AWS)


class NoSlot(Exception):
    """The counter said no: nothing was connected. Come back after `retry_after` seconds."""

    def __init__(self, reason, retry_after):
        super().__init__(reason)
        self.retry_after = retry_after


class CounterError(Exception):
    """The counter gave no answer, but an error: do not connect."""


def ask(**request):
    """One invoke of the counter."""
    payload = {"RDBMSName": os.environ["POOL_NAME"], **request}
    answer = LAMBDA.invoke(FunctionName=os.environ["COUNTER_FUNCTION"], Payload=json.dumps(payload))
    said = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise CounterError(f"{said.get('errorType')}: {said.get('errorMessage')}")
    return said


class Slot:
    """A lease, and the time that it leaves."""

    def __init__(self, seconds):
        self.lease = secrets.token_urlsafe(6)
        self.ttl = min(math.ceil(seconds) + GRACE, 960)
        self.work = min(seconds, self.ttl - GRACE) - MARGIN
        # No connection is open under it.
        self.vacant = True
        # The lease's life is counted from the moment it is asked for, by whichever clock moves
        # further: the monotonic one may stand still while the instance is frozen.
        self.monotonic, self.wall = time.monotonic(), time.time()

    def elapsed(self):
        return max(time.monotonic() - self.monotonic, time.time() - self.wall)

    def work_left(self):
        """Seconds in which something may be said to the server."""
        left = self.work - self.elapsed()
        if left <= 0:
            raise TimeoutError("no time left under this slot")
        return left

    def statement_limit(self):
        """Seconds that a statement may take, if the session is to end before the lease does."""
        limit = min(self.ttl - self.elapsed() - 2 * IDLE, self.work_left() - 0.25)
        if limit < 0.05:
            raise TimeoutError("no time left under this slot")
        return limit


@contextlib.contextmanager
def slot(seconds):
    """Holds a slot, for a holder that must be done in `seconds`."""
    held = Slot(seconds)
    try:
        answer = ask(op="acquire", lease=held.lease, ttlSeconds=held.ttl)
    except Exception:
        # The counter may have decided, and its answer be lost.
        release(held.lease)
        raise
    if answer.get("granted") is not True:
        raise NoSlot(answer["reason"], answer["retryAfterMs"] / 1000)
    try:
        yield held
    finally:
        # With a connection that may still be open, the slot is left to its lease, which the
        # connection does not outlive.
        if held.vacant:
            release(held.lease)


def release(lease):
    """Gives the slot back. Tried for a while; after that, the lease ends by itself."""
    for pause in (0.05, 0.1, 0.2, 0.4, 0):
        try:
            return ask(op="release", lease=lease)
        except Exception:
            time.sleep(pause)


def versions():
    """The secret's versions whose password may be in force, each read when it is its turn.

    While the password is being changed, that is the pending one, which may soon be the current one.
    """
    tried = set()
    for stage in ("AWSCURRENT", "AWSPENDING", "AWSCURRENT"):
        try:
            answer = SECRETS.get_secret_value(SecretId=os.environ["SECRET_ARN"], VersionStage=stage)
        except SECRETS.exceptions.ResourceNotFoundException:
            # Nothing is being changed.
            if stage == "AWSPENDING":
                continue
            raise
        if answer["VersionId"] not in tried:
            tried.add(answer["VersionId"])
            yield json.loads(answer["SecretString"])


@contextlib.contextmanager
def connection(held):
    """A connection under a slot, by the first of the passwords that is not refused."""
    with contextlib.ExitStack() as stack:
        yield log_in(held, stack)


def log_in(held, stack):
    for secret in versions():
        try:
            return stack.enter_context(connection_as(secret, held))
        except pymysql.OperationalError as error:
            # The next connection only when the server has closed this one.
            if error.args[0] not in REFUSED or not held.vacant:
                raise
            refused = error
    raise refused


@contextlib.contextmanager
def connection_as(secret, held):
    roots = os.environ["DB_CA"]
    address = (secret["host"], int(secret["port"]))
    wire = socket.create_connection(address, timeout=min(3, held.work_left()))
    held.vacant = False
    # PyMySQL closes its own end and does not wait for the server's: this one sees it.
    end = wire.dup()
    nothing_open = True
    try:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = pymysql.connect(
            host=secret["host"],
            user=secret["username"],
            password=secret["password"],
            database=secret["dbname"],
            ssl=None if roots == "off" else ssl.create_default_context(cafile=roots),
            read_timeout=held.work_left(),
            write_timeout=IDLE,
            autocommit=True,
            defer_connect=True,
        )
        connection.connect(wire)
        try:
            yield connection
        finally:
            nothing_open = is_rolled_back(connection)
            connection.close()
    finally:
        wire.close()
        held.vacant = server_has_hung_up(end) and nothing_open
        end.close()


def is_rolled_back(connection):
    """Whether no transaction is open any more: a server hangs up first, and counts the connection until it has rolled
    back. After a statement that was given up in the middle there is no way to ask.
    """
    try:
        connection.rollback()
        return True
    except (pymysql.Error, OSError):
        return False


def server_has_hung_up(end, patience=1):
    """Waits for the server to close its side: only then is the slot free."""
    until = time.monotonic() + patience
    try:
        end.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            end.settimeout(left)
            if not end.recv(65536):
                return True
        return False
    except ConnectionResetError:
        return True
    except OSError:
        return False


def query(held, connection, sql, values=None):
    """One statement, and before it the limits that make the server end the session in time.

    MariaDB alone reads the comments that begin with M, MySQL alone the last.
    """
    limit = held.statement_limit()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET SESSION wait_timeout = {IDLE}, net_read_timeout = {IDLE}, "
            f"net_write_timeout = {IDLE}, innodb_lock_wait_timeout = {max(int(limit), 1)}, "
            f"lock_wait_timeout = {max(int(limit), 1)} "
            f"/*M!100101 , max_statement_time = {limit:.3f} */ "
            f"/*M!100300 , idle_transaction_timeout = {IDLE}, idle_readonly_transaction_timeout = {IDLE}, "
            f"idle_write_transaction_timeout = {IDLE} */ "
            f"/*!50708 , max_execution_time = {int(limit * 1000)} */"
        )
        held.work_left()
        cursor.execute(sql, values)
        return cursor.fetchall()


def handler(event, context):
    try:
        with slot(context.get_remaining_time_in_millis() / 1000) as held:
            with connection(held) as database:
                ((employees,),) = query(held, database, "SELECT COUNT(*) FROM Employees")
        return {"statusCode": 200, "body": json.dumps({"employees": employees})}
    except NoSlot as refused:
        retry = {"Retry-After": str(math.ceil(refused.retry_after))}
        return {"statusCode": 503, "headers": retry, "body": f"no slot: {refused}"}
