"""A Lambda function that connects to MySQL only while it holds a slot.

Package: PyMySQL, and AWS's global-bundle.pem (or another file of root certificates).
Environment: COUNTER_FUNCTION, POOL_NAME, SECRET_ARN, and DB_CA: the path of the root certificates, or "off".
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

# Seconds by which the lease outlives the work. In this time nothing is sent to the server.
GRACE = 5
# Seconds without a statement after which the server ends the session.
IDLE = 2
# Errors for a wrong password: 1045, and on MariaDB also 1698, for accounts with a second way to log in.
REFUSED = (1045, 1698)
# Seconds reserved for closing the connection and releasing the slot.
MARGIN = 1

# The counter answers within 5 s or times out. An invocation may be repeated: it has the same lease id.
AWS = Config(connect_timeout=2, read_timeout=6, retries={"total_max_attempts": 2})
LAMBDA = boto3.client("lambda", config=AWS)
SECRETS = boto3.client("secretsmanager", config=AWS)


class NoSlot(Exception):
    """The counter rejected the acquire; nothing was connected. Retry after `retry_after` seconds."""

    def __init__(self, reason, retry_after):
        super().__init__(reason)
        self.retry_after = retry_after


class CounterError(Exception):
    """The counter returned an error: do not connect."""


def ask(**request):
    """Invokes the counter once."""
    payload = {"RDBMSName": os.environ["POOL_NAME"], **request}
    answer = LAMBDA.invoke(FunctionName=os.environ["COUNTER_FUNCTION"], Payload=json.dumps(payload))
    said = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise CounterError(f"{said.get('errorType')}: {said.get('errorMessage')}")
    return said


class Slot:
    """A lease, and its remaining time."""

    def __init__(self, seconds):
        self.lease = secrets.token_urlsafe(6)
        self.ttl = min(math.ceil(seconds) + GRACE, 960)
        self.work = min(seconds, self.ttl - GRACE) - MARGIN
        # True while no connection uses the slot.
        self.vacant = True
        # The lease's time starts before the acquire, and is measured by the clock that moved
        # further: the monotonic one may stand still while the instance is frozen.
        self.monotonic, self.wall = time.monotonic(), time.time()

    def elapsed(self):
        return max(time.monotonic() - self.monotonic, time.time() - self.wall)

    def work_left(self):
        """Returns the seconds in which statements may be sent to the server."""
        left = self.work - self.elapsed()
        if left <= 0:
            raise TimeoutError("no time left under this slot")
        return left

    def statement_limit(self):
        """Returns the seconds that a statement may take so that the session ends before the lease."""
        limit = min(self.ttl - self.elapsed() - 2 * IDLE, self.work_left() - 0.25)
        if limit < 0.05:
            raise TimeoutError("no time left under this slot")
        return limit


@contextlib.contextmanager
def slot(seconds):
    """Holds a slot for work that ends within `seconds`."""
    held = Slot(seconds)
    try:
        answer = ask(op="acquire", lease=held.lease, ttlSeconds=held.ttl)
    except Exception:
        # The counter may have granted the slot, and its answer may be lost.
        release(held.lease)
        raise
    if answer.get("granted") is not True:
        raise NoSlot(answer["reason"], answer["retryAfterMs"] / 1000)
    try:
        yield held
    finally:
        # If the connection may still be open, the slot is not released: the lease expires, and the
        # server ends the connection before that.
        if held.vacant:
            release(held.lease)


def release(lease):
    """Releases the slot. After five failures the lease is left to expire."""
    for pause in (0.05, 0.1, 0.2, 0.4, 0):
        try:
            return ask(op="release", lease=lease)
        except Exception:
            time.sleep(pause)


def versions():
    """Yields the versions of the secret whose password may be valid, and reads each when it is needed.

    During a rotation the pending password may be valid, and may become the current one in between.
    """
    tried = set()
    for stage in ("AWSCURRENT", "AWSPENDING", "AWSCURRENT"):
        try:
            answer = SECRETS.get_secret_value(SecretId=os.environ["SECRET_ARN"], VersionStage=stage)
        except SECRETS.exceptions.ResourceNotFoundException:
            # No rotation is in progress.
            if stage == "AWSPENDING":
                continue
            raise
        if answer["VersionId"] not in tried:
            tried.add(answer["VersionId"])
            yield json.loads(answer["SecretString"])


@contextlib.contextmanager
def connection(held):
    """Opens a connection under a slot, with the first password that the server accepts."""
    with contextlib.ExitStack() as stack:
        yield log_in(held, stack)


def log_in(held, stack):
    for secret in versions():
        try:
            return stack.enter_context(connection_as(secret, held))
        except pymysql.OperationalError as error:
            # The next login starts only after the server has closed this connection.
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
    # PyMySQL closes its socket without waiting for the server. This duplicate sees the server close it.
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
    """Returns whether no transaction is open.

    A server closes the connection before it rolls back, and counts it until then. After an abandoned
    statement the rollback cannot be confirmed.
    """
    try:
        connection.rollback()
        return True
    except (pymysql.Error, OSError):
        return False


def server_has_hung_up(end, patience=1):
    """Waits until the server has closed the connection: only then is the slot free."""
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
    """Executes one statement, after setting the limits with which the server ends the session in time.

    Only MariaDB executes the comments that begin with M, only MySQL the last one.
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
