"""The examples of docs/any-language.md: each acquires a slot, connects and releases the slot."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import secrets_manager
from proxy import Before, losing, serving
from rotation_case import Rotating, refused_logins, set_password
from stack import POOL, STACK, STANDARD, QuietStack, connect, item, leases, query, release, until

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs/examples"
NO_SLOT = 75

PYTHON = """
import json, sys
sys.path.insert(0, sys.argv[1])
import holder
try:
    with holder.slot(float(sys.argv[2])) as held, holder.connection(held) as connection:
        print(holder.query(held, connection, sys.argv[3])[0][0])
except holder.NoSlot:
    sys.exit(75)
"""

PYTHON_HANDLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import holder
class Context:
    def get_remaining_time_in_millis(self): return 20_000
print(json.dumps(holder.handler({}, Context())))
"""

NODE = """
import { NoSlot, query, withConnection, withSlot } from "./holder.mjs";
const [, , seconds, sql] = process.argv;
try {
  const work = (slot) => withConnection(slot, (connection) => query(slot, connection, sql));
  console.log((await withSlot(seconds * 1000, work))[0][0]);
} catch (error) {
  if (!(error instanceof NoSlot)) throw error;
  process.exitCode = 75;
}
"""

NODE_HANDLER = """
import { handler } from "./holder.mjs";
console.log(JSON.stringify(await handler({}, { getRemainingTimeInMillis: () => 20_000 })));
"""


def environment(**more: str) -> dict[str, str]:
    """The environment of an example, with the AWS SDKs directed to the stack."""
    return {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": STACK["awsEndpoint"],
        "AWS_DEFAULT_REGION": STACK["region"],
        "AWS_REGION": STACK["region"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "COUNTER_FUNCTION": STACK["counterFunction"],
        "POOL_NAME": POOL,
        "SECRET_ARN": STACK["secretArn"],
        "DB_CA": "off",
        **more,
    }


def connections() -> int:
    """The number of connections since the server started, this one included."""
    status = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
    return int(query(f"{status}'Connections'"))


class Holders:
    """The tests of an example in any language."""

    class Runs(QuietStack):
        folder: str

        def command(self, seconds: int, sql: str) -> list[str]:
            raise NotImplementedError

        def start(self, sql: str, seconds: int = 20, **more: str) -> subprocess.Popen:
            process = subprocess.Popen(
                self.command(seconds, sql),
                cwd=self.folder,
                env=environment(HOME=self.folder, **more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self.addCleanup(process.communicate)
            return process

        def run_it(self, sql: str, seconds: int = 20, **more: str) -> tuple[int, str, str]:
            process = self.start(sql, seconds, **more)
            out, err = process.communicate(timeout=120)
            return process.returncode, out.strip(), err

    class Cases(Runs):
        @contextlib.contextmanager
        def holding(self, seconds: int):
            """The example holds its slot in a statement that ends with this block."""
            with contextlib.closing(connect()) as ours, ours.cursor() as cursor:
                cursor.execute("SET SESSION wait_timeout = 120")
                cursor.execute("SELECT GET_LOCK('languages', 0)")
                process = self.start("SELECT GET_LOCK('languages', 60)", seconds)
                until(lambda: self.threads() == 1)
                yield process
                cursor.execute("SELECT RELEASE_LOCK('languages')")

        def assert_counted(self, answer: str) -> None:
            answer = json.loads(answer)
            self.assertEqual((answer["statusCode"], json.loads(answer["body"])), (200, {"employees": 3}))

        def threads(self) -> int:
            return query(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST "
                "WHERE INFO = 'SELECT GET_LOCK(''languages'', 60)'"
            )

        def test_it_holds_a_slot_while_it_is_connected_and_gives_it_back(self):
            with self.holding(20) as process:
                self.assertEqual(item()["InUse"], {"N": "1"})
            self.assertEqual(process.communicate(timeout=60)[0].strip(), "1")
            self.assertEqual(process.returncode, 0)
            self.assertEqual(item()["InUse"], {"N": "0"})

        def test_its_session_is_limited_to_less_than_its_lease(self):
            idle = "@@wait_timeout, @@net_read_timeout, @@net_write_timeout, @@idle_transaction_timeout"
            work = "@@max_statement_time, @@lock_wait_timeout, @@innodb_lock_wait_timeout"
            code, out, err = self.run_it(f"SELECT CONCAT_WS(' ', {idle}, {work})", 20)
            self.assertEqual(code, 0, err)
            limits = out.split()
            self.assertEqual(limits[:4], ["2"] * 4)
            self.assertTrue(all(10 < float(limit) < 20 for limit in limits[4:]), out)

        def test_without_a_slot_it_does_not_connect(self):
            with leases(STANDARD):
                before = connections()
                self.assertEqual(self.run_it("SELECT 1")[0], NO_SLOT)
                self.assertEqual(connections(), before + 1)

        def test_an_error_of_the_counter_fails_without_a_connection(self):
            before = connections()
            code, _, err = self.run_it("SELECT 1", POOL_NAME="unknown")
            self.assertNotIn(code, (0, NO_SLOT))
            self.assertIn("UnknownPool", err)
            self.assertEqual(connections(), before + 1)

        def test_a_grant_whose_answer_is_lost_is_given_back(self):
            before = connections()
            # Both attempts: the second names the same lease and is granted the same slot.
            with losing("acquire", 2) as address:
                self.assertNotIn(self.run_it("SELECT 1", AWS_ENDPOINT_URL=address)[0], (0, NO_SLOT))
            self.assertEqual(connections(), before + 1)
            self.assertEqual(item()["InUse"], {"N": "0"})

        def test_a_release_that_fails_is_tried_again(self):
            with losing("release", 3, before=True) as address:
                self.assertEqual(self.run_it("SELECT 1", AWS_ENDPOINT_URL=address)[:2], (0, "1"))
            self.assertEqual(item()["InUse"], {"N": "0"})

        def test_a_statement_that_fails_costs_no_slot(self):
            code, _, err = self.run_it("SELECT nothing FROM nowhere")
            self.assertNotIn(code, (0, NO_SLOT))
            self.assertIn("nowhere", err)
            self.assertEqual(item()["InUse"], {"N": "0"})

        def test_a_statement_that_takes_too_long_is_ended(self):
            self.assertNotIn(self.run_it("SELECT SLEEP(60)", 8)[0], (0, NO_SLOT))
            self.assertEqual(item()["InUse"], {"N": "0"})

        def test_frozen_for_good_it_has_no_connection_when_its_lease_is_over(self):
            with self.holding(8) as process:
                os.killpg(process.pid, signal.SIGSTOP)
                try:
                    ((lease, expiry),) = item()["Leases"]["M"].items()
                    until(lambda: self.threads() == 0)
                    self.assertLess(time.time(), int(expiry["N"]))
                    self.assertIn(lease, item()["Leases"]["M"])
                finally:
                    os.killpg(process.pid, signal.SIGKILL)
                self.assertTrue(release(lease)["released"])

    class Rotated(Runs, Rotating):
        """The tests of an example that reads the secret itself, while the password changes."""

        def assert_let_in(self, refused: int, **more: str) -> None:
            """It logs in, after this many refused logins."""
            before = refused_logins()
            self.assertEqual(self.run_it("SELECT 1", **more)[:2], (0, "1"))
            self.assertEqual(refused_logins() - before, refused)

        def test_the_pending_password_is_taken_as_soon_as_it_is_in_force(self):
            token = self.begin("createSecret")
            self.assert_let_in(refused=0)
            secrets_manager.step("setSecret", token)
            self.assert_let_in(refused=1)
            secrets_manager.step("testSecret", token)
            secrets_manager.step("finishSecret", token)
            self.assert_let_in(refused=0)

        def test_a_change_that_is_completed_in_between_is_followed(self):
            token = self.begin("createSecret", "setSecret")

            def complete() -> None:
                secrets_manager.step("testSecret", token)
                secrets_manager.step("finishSecret", token)
                secrets_manager.give_up()

            proxy = Before({"VersionStage": "AWSPENDING"}, complete)
            with serving(proxy) as address:
                self.assert_let_in(refused=1, AWS_ENDPOINT_URL=address)
            self.assertEqual(proxy.times, 1)

        def test_a_password_that_the_secret_does_not_have_is_not_guessed_at(self):
            set_password("unknown")
            before = refused_logins()
            code, _, err = self.run_it("SELECT 1")
            self.assertNotIn(code, (0, NO_SLOT))
            self.assertIn("Access denied", err)
            self.assertEqual(refused_logins() - before, 1)
            self.assertEqual(item()["InUse"], {"N": "0"})


class InPython:
    folder = str(EXAMPLES / "python")

    def command(self, seconds: int, sql: str) -> list[str]:
        return [sys.executable, "-Bc", PYTHON, self.folder, str(seconds), sql]


class Python(InPython, Holders.Cases):
    def test_the_handler_answers(self):
        command = [sys.executable, "-Bc", PYTHON_HANDLER, self.folder]
        self.assert_counted(subprocess.check_output(command, env=environment(), text=True))


class PythonRotated(InPython, Holders.Rotated):
    pass


@functools.cache
def node_package() -> str:
    """A folder with the example and its dependencies."""
    folder = unittest.enterModuleContext(tempfile.TemporaryDirectory())
    shutil.copytree(EXAMPLES / "node", folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for name, text in (("run.mjs", NODE), ("handle.mjs", NODE_HANDLER)):
        pathlib.Path(folder, name).write_text(text)
    return folder


@unittest.skipUnless(shutil.which("npm"), "Node.js is not installed")
class InNode:
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = node_package()

    def command(self, seconds: int, sql: str) -> list[str]:
        return ["node", "run.mjs", str(seconds), sql]


class Node(InNode, Holders.Cases):
    def test_the_handler_answers(self):
        command = ["node", "handle.mjs"]
        # The SDK announces the end of its support for old versions of Node.js.
        quiet = environment(NODE_NO_WARNINGS="1")
        answer = subprocess.check_output(command, cwd=self.folder, env=quiet, text=True)
        self.assert_counted(answer)


class NodeRotated(InNode, Holders.Rotated):
    pass


class Shell(Holders.Cases):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        mysql = STACK["mysql"]
        account = {
            "host": mysql["host"],
            "port": mysql["port"],
            "user": mysql["adminUser"],
            "password": mysql["adminPassword"],
            "database": mysql["database"],
        }
        lines = [f"{key} = {value}" for key, value in account.items()]
        file = pathlib.Path(cls.folder, ".my.cnf")
        file.touch(mode=0o600)
        file.write_text("\n".join(["[client]", *lines, ""]))

    def command(self, seconds: int, sql: str) -> list[str]:
        return [str(EXAMPLES / "shell/with-slot.sh"), str(seconds), sql]

    def test_what_it_cannot_limit_is_refused(self):
        for arguments in (["5", "SELECT 1"], ["956", "SELECT 1"], ["20", "SELECT 1; SELECT 2"]):
            refused = subprocess.run(
                [str(EXAMPLES / "shell/with-slot.sh"), *arguments],
                env=environment(),
                stderr=subprocess.PIPE,
            )
            self.assertEqual(refused.returncode, 64)


if __name__ == "__main__":
    unittest.main()
