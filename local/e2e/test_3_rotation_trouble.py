"""The rotation of the database's password when its function crashes, and when the service is flooded."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import rotation
from rotating import QUERY, ROTATE, SENTENCE, Rotating, log, refused_logins, rule
from rotation import STEPS, rotate, step
from stack import STACK, STANDARD, get, item, release

ROTATIONS = int(os.environ.get("ROTATIONS", "5"))
LOADTEST = os.environ.get("LOADTEST", "target/debug/loadtest")


class Crashes(Rotating):
    """The function dies within a step; the next try of the rotation completes it."""

    def crash(self, name: str, kills: int = 1, **where: str) -> None:
        before = self.password()
        token = self.begin(*STEPS[: STEPS.index(name)])
        with rule(**{"from": ROTATE}, **where, action={"kill": True}, times=kills) as hits:
            for _ in range(kills):
                self.assert_refused("Runtime.ExitError", name, token)
            self.assertEqual(hits(), kills)
        # The service goes on in whatever state the crash has left.
        self.assertEqual(get("/employees").body, SENTENCE)
        # A slot that was held comes back when its lease is over: not waited for here.
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

    def test_set_after_the_database_has_the_password(self):
        self.crash("setSecret", call="release", moment="before")
        repeated = [line for line in self.lines() if line["step"] == "setSecret"]
        self.assertEqual([line["outcome"] for line in repeated], ["done-before"])

    def test_set_twice(self):
        self.crash("setSecret", kills=2, call="release", moment="after")

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
    def flood(self, folder: pathlib.Path) -> subprocess.Popen[bytes]:
        """A load test that goes on until it is interrupted."""
        flood = subprocess.Popen(
            [LOADTEST, "--host", STACK["apiUrl"], "--users", "120", "--duration", "3000", "--out", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(flood.wait)
        self.addCleanup(flood.kill)
        return flood

    def test_rotations_in_a_row_break_no_request_and_lose_no_slot(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        flood = self.flood(folder)
        # As good as full: the last slots are free for a moment.
        while int(item()["InUse"]["N"]) < STANDARD - 10:
            self.assertIsNone(flood.poll(), "the flood fills the pool")
            time.sleep(0.01)
        refused, requests = refused_logins(), len(log(QUERY))
        versions, retried, begun = set(), 0, time.monotonic()
        for _ in range(ROTATIONS):
            retried += len(rotate(tries=5))
            versions.add(rotation.labelled("AWSCURRENT"))
            self.passwords.append(self.password())
        took = time.monotonic() - begun
        refused = refused_logins() - refused
        self.assertEqual(len(versions), ROTATIONS)
        self.assertIsNone(flood.poll(), "the flood has outlasted the rotations")
        flood.send_signal(signal.SIGINT)
        flood.wait(timeout=90)
        report = json.loads((folder / "report.json").read_text())
        (run,) = report["runs"]
        print(
            f"{ROTATIONS} rotations in {took:.0f} s, {retried} tried again; "
            f"{refused} logins with a password that was no longer right; "
            f"{run['admitted']['count']} admitted, {run['rejected']['count']} rejected, "
            f"{run['broken']['count']} broken"
        )
        self.assertGreater(refused, ROTATIONS, "the queries have met the rotations")
        self.assertEqual(run["broken"]["count"], 0, run["broken"])
        self.assertGreater(run["admitted"]["count"], 0)
        self.assertGreater(run["rejected"]["count"], 0)
        # Given back, not only over: a lease of the query lasts 25 seconds.
        deadline = time.monotonic() + 10
        while item()["InUse"] != {"N": "0"}:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        unreturned = [
            line
            for line in log(QUERY)[requests:] + self.lines()
            if line.get("lease") and line["given_back"] != "released"
        ]
        self.assertEqual(unreturned, [])


if __name__ == "__main__":
    unittest.main()
