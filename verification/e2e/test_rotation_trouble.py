"""The rotation of the database's password when its function crashes, and during a flood."""

import os
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import secrets_manager
from logs import QUERY, ROTATE, lines
from rotation_case import (
    SENTENCE,
    Rotating,
    kill,
    lets_in,
    observe,
    passwords_locked,
    refused_logins,
    rule,
)
from secrets_manager import STEPS, rotate, step, value
from stack import STANDARD, get, in_use, item, release, until
from tools import flood

ROTATIONS = int(os.environ.get("ROTATIONS", "20"))


class Crashes(Rotating):
    """The function crashes within a step; the next attempt completes the rotation."""

    def crash(self, name: str, kills: int = 1, **where: str) -> None:
        before = self.password()
        token = self.begin(*STEPS[: STEPS.index(name)])
        with rule(**{"from": ROTATE}, **where, action={"kill": True}, times=kills) as hits:
            for _ in range(kills):
                self.assert_refused("Runtime.ExitError", name, token)
            self.assertEqual(hits(), kills)
        self.assert_completed(token, before)

    def assert_completed(self, token: str, before: str) -> None:
        # The service works in whatever state the crash left.
        self.assertEqual(get("/employees").body, SENTENCE)
        # A slot that was held is free when its lease expires; this test does not wait for that.
        for lease, expiry in item()["Leases"]["M"].items():
            self.assertLessEqual(int(expiry["N"]), time.time() + 36)
            self.assertTrue(release(lease)["released"])
        rotate()
        self.assert_rotated(token, before)

    def test_create_before_the_password_is_kept(self):
        self.crash(
            "createSecret", call="secretsmanager", operation="PutSecretValue", moment="before"
        )

    def test_create_after_the_password_is_kept(self):
        self.crash(
            "createSecret", call="secretsmanager", operation="PutSecretValue", moment="after"
        )
        kept = [line for line in self.lines() if line["step"] == "createSecret"]
        self.assertEqual([line["outcome"] for line in kept], ["done-before"])

    def test_set_before_it_connects(self):
        self.crash("setSecret", call="acquire", moment="granted")

    def crash_at_the_statement(self, carried_out: bool) -> None:
        """The function crashes while its statement waits at the server, which then runs it or not."""
        before = self.password()
        token = self.begin("createSecret")
        pending = value("AWSPENDING")["password"]
        with ThreadPoolExecutor(1) as caller:
            with passwords_locked() as waiting:
                refused = caller.submit(self.assert_refused, "Runtime.ExitError", "setSecret", token)
                until(waiting)
                session = waiting()
                kill(ROTATE)
                refused.result()
                if not carried_out:
                    observe("KILL CONNECTION %s", session)
                    until(lambda: not waiting())
            until(lambda: lets_in(pending) == carried_out)
        self.assert_completed(token, before)
        done = [line["outcome"] for line in self.lines() if line["step"] == "setSecret"]
        self.assertEqual(done, ["done-before" if carried_out else "done"])

    def test_set_logged_in_and_the_password_not_changed(self):
        self.crash_at_the_statement(carried_out=False)

    def test_set_before_the_server_has_changed_the_password(self):
        self.crash_at_the_statement(carried_out=True)

    def test_set_after_the_database_has_the_password(self):
        self.crash("setSecret", call="release", moment="before")
        repeated = [line for line in self.lines() if line["step"] == "setSecret"]
        self.assertEqual([line["outcome"] for line in repeated], ["done-before"])

    def test_set_twice(self):
        self.crash("setSecret", kills=2, call="release", moment="after")

    def test_test_before_it_connects(self):
        self.crash("testSecret", call="acquire", moment="granted")

    def test_test_with_the_connection_closed_and_the_slot_held(self):
        self.crash("testSecret", call="release", moment="before")

    def test_finish_before_the_label_is_moved(self):
        self.crash(
            "finishSecret",
            call="secretsmanager",
            operation="UpdateSecretVersionStage",
            moment="before",
        )

    def test_finish_after_the_label_was_moved(self):
        before = self.password()
        token = self.begin(*STEPS[:3])
        with rule(
            **{"from": ROTATE},
            call="secretsmanager",
            operation="UpdateSecretVersionStage",
            moment="after",
            action={"kill": True},
            times=1,
        ):
            self.assert_refused("Runtime.ExitError", "finishSecret", token)
        for name in STEPS:
            step(name, token)
        self.assertEqual({line["outcome"] for line in self.lines()[3:]}, {"already-current"})
        self.assert_rotated(token, before)

    def test_finish_with_the_answer_lost(self):
        before = self.password()
        token = self.begin(*STEPS[:3])
        with rule(
            **{"from": ROTATE},
            call="secretsmanager",
            operation="UpdateSecretVersionStage",
            moment="after",
            action={"answer": "unreachable"},
            times=1,
        ) as hits:
            step("finishSecret", token)
            self.assertEqual(hits(), 1)
        self.assert_rotated(token, before)


class Flood(Rotating):
    def test_rotations_in_a_row_break_no_request_and_lose_no_slot(self):
        versions, retried = set(), 0
        # `flood` checks every answer, and that nothing else ended the load test.
        with flood() as run:
            # Nearly full: the last slots are free for a moment.
            until(lambda: in_use(item()) >= STANDARD - 10)
            refused, requests, begun = refused_logins(), len(lines(QUERY)), time.monotonic()
            for _ in range(ROTATIONS):
                retried += len(rotate(tries=5))
                versions.add(secrets_manager.labelled("AWSCURRENT"))
                self.passwords.append(self.password())
            took = time.monotonic() - begun
            refused = refused_logins() - refused
        print(
            f"{ROTATIONS} rotations in {took:.0f} s, {retried} tried again; "
            f"{refused} logins with a password that was no longer right; "
            f"{run['admitted']['count']} admitted, {run['rejected']['count']} rejected, "
            f"{run['broken']['count']} broken"
        )
        self.assertEqual(len(versions), ROTATIONS)
        # Each refused password is tried twice.
        self.assertGreater(refused, 2 * ROTATIONS, "the queries have met the rotations")
        self.assertEqual(run["broken"]["count"], 0, run["broken"])
        self.assertGreater(run["admitted"]["count"], 0)
        self.assertGreater(run["rejected"]["count"], 0)
        # Released, not expired: a lease of the query lasts 25 s.
        until(lambda: in_use(item()) == 0, 10)
        unreturned = [
            line
            for line in lines(QUERY)[requests:] + self.lines()
            if line.get("lease") and line["given_back"] != "released"
        ]
        self.assertEqual(unreturned, [])


if __name__ == "__main__":
    unittest.main()
