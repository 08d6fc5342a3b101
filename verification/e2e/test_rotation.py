"""The rotation of the database's password, step by step."""

import json
import unittest

import secrets_manager
from logs import COUNTER, QUERY, lines, values
from rotation_case import (
    SENTENCE,
    Rotating,
    lets_in,
    reads_of_the_query,
    set_password,
)
from secrets_manager import SECRET, STEPS, begin, labels, rotate, step, value
from stack import (
    SECRETS,
    SLOTS,
    STANDARD,
    FunctionError,
    acquire,
    forget,
    get,
    leases,
    new_lease,
    release,
)


class Steps(Rotating):
    def test_a_rotation_changes_the_password_and_nothing_else(self):
        before = value("AWSCURRENT")
        old = secrets_manager.labelled("AWSCURRENT")
        token = self.begin(*STEPS)
        self.assert_rotated(token, before["password"])
        after = value("AWSCURRENT")
        self.assertEqual(len(after["password"]), 32)
        self.assertFalse(set(after["password"]) & set('"@/\\'))
        self.assertEqual({**after, "password": ""}, {**before, "password": ""})
        self.assertEqual(labels()[old], {"AWSPREVIOUS"})
        logged = self.lines()
        self.assertEqual([line["step"] for line in logged], list(STEPS))
        self.assertEqual({line["outcome"] for line in logged}, {"done"})
        given_back = [line.get("given_back") for line in logged]
        self.assertEqual(given_back, [None, "released", "released", None])

    def test_every_step_can_be_repeated(self):
        before = self.password()
        token = begin()
        for name in STEPS[:3]:
            step(name, token)
            pending = value("AWSPENDING")
            step(name, token)
            self.assertEqual(value("AWSPENDING"), pending)
        step("finishSecret", token)
        self.assert_rotated(token, before)
        finished = labels()
        for name in STEPS:
            step(name, token)
        self.assertEqual((labels(), value("AWSCURRENT")), (finished, pending))
        expected = ["done", "done-before"] * 2 + ["done"] * 3 + ["already-current"] * 4
        self.assertEqual([line["outcome"] for line in self.lines()], expected)

    def test_a_database_that_still_has_the_previous_password_is_rotated(self):
        rotate()
        before = value("AWSPREVIOUS")["password"]
        self.passwords.append(self.password())
        set_password(before)
        self.assert_rotated(self.begin(*STEPS), before)

    def test_a_password_of_any_characters_is_set(self):
        token = self.begin("createSecret")
        odd = "it's \\ */ -- \" /* `"
        pending = {**value("AWSPENDING"), "password": odd}
        SECRETS.put_secret_value(
            SecretId=SECRET,
            ClientRequestToken=token,
            SecretString=json.dumps(pending),
            VersionStages=["AWSPENDING"],
        )
        for name in STEPS[1:]:
            step(name, token)
        self.assertTrue(lets_in(odd))
        self.assertEqual(get("/employees").body, SENTENCE)


class Slots(Rotating):
    """The metrics count each slot of a rotation once, by the counter and by the table."""

    HELD = {"SlotHoldTime"}
    GAUGES = {"SlotsInUse", "PoolSize", "SlotUtilisation"}
    DECIDED = {"SlotsGranted", "SlotsReleased", "DecisionLatency"} | GAUGES

    def rotates(self) -> tuple[list[set[str]], list[str]]:
        """Rotates; returns the metrics of each step, and the requests to the counter meanwhile."""
        before, asked = self.password(), len(lines(COUNTER))
        self.assert_rotated(self.begin(*STEPS), before)
        # The scheduled sweep is not part of the rotation.
        since = [line["op"] for line in lines(COUNTER)[asked:] if line["op"] != "sweep"]
        return [set(values(line)) for line in self.lines()], since

    def test_by_the_counter(self):
        measured, asked = self.rotates()
        self.assertEqual(measured, [set(), self.HELD, self.HELD, set()])
        # The last two are of the query that checks the result.
        self.assertEqual(asked, ["acquire", "release"] * 3)

    def test_by_the_table_without_the_counter(self):
        self.configure(ADMISSION_VIA="table")
        measured, asked = self.rotates()
        both = self.HELD | self.DECIDED
        self.assertEqual(measured, [set(), both, both, set()])
        self.assertEqual(asked, ["acquire", "release"])
        self.assertEqual({line.get("given_back") for line in self.lines()}, {None, "released"})


class Discretion(Rotating):
    def test_no_password_is_logged_at_the_most_talkative_level(self):
        before = self.password()
        self.configure(LOG_LEVEL="trace")
        token = self.begin(*STEPS)
        # The logs are searched for passwords when this test ends: they must be verbose.
        self.assertGreater(sum(line["level"] == "TRACE" for line in self.lines()), 100)
        self.assert_rotated(token, before)


class Refusals(Rotating):
    def test_what_is_not_under_way_is_refused_and_changes_nothing(self):
        before, password = labels(), self.password()
        for name in STEPS:
            self.assert_refused("NoSuchVersion", name, "0" * 32)
        token = self.begin("createSecret")
        secrets_manager.give_up()
        SECRETS.update_secret_version_stage(
            SecretId=SECRET, VersionStage="mine", MoveToVersionId=token
        )
        for name in STEPS:
            self.assert_refused("NotPending", name, token)
        SECRETS.update_secret_version_stage(
            SecretId=SECRET, VersionStage="mine", RemoveFromVersionId=token
        )
        self.assertEqual({**labels(), **before}, labels())
        self.assertEqual(self.password(), password)
        self.assertTrue(lets_in(password))
        with self.assertRaises(FunctionError) as refused:
            step("deleteSecret", token)
        self.assertEqual(refused.exception.type, "InvalidEvent")

    def test_a_pending_version_of_another_server_is_not_sent_a_password(self):
        token = self.begin("createSecret")
        for field, other in (("host", "192.0.2.1"), ("port", 3307), ("username", "observer")):
            SECRETS.put_secret_value(
                SecretId=SECRET,
                ClientRequestToken=token,
                SecretString=json.dumps({**value("AWSCURRENT"), field: other}),
                VersionStages=["AWSPENDING"],
            )
            self.assert_refused("AnotherAccount", "setSecret", token)

    def test_an_unknown_password_is_reported_and_can_be_corrected_by_hand(self):
        before = self.password()
        token = self.begin("createSecret")
        set_password("unknown")
        error = self.assert_refused("NobodyLetIn", "setSecret", token)
        self.assertIn("by hand", error.message)
        set_password(before)
        rotate()
        self.assert_rotated(token, before)

    def test_it_has_slots_when_the_pool_is_full_of_queries_and_waits_for_others_of_its_class(self):
        before = self.password()
        with leases(STANDARD):
            token = self.begin("createSecret", "setSecret")
            others = [new_lease() for _ in range(SLOTS - STANDARD)]
            try:
                for other in others:
                    self.assertTrue(acquire(other, 60, **{"class": "priority"})["granted"])
                error = self.assert_refused("NoSlot", "testSecret", token)
                self.assertIn("full", error.message)
            finally:
                for other in others:
                    release(other)
            rotate()
        self.assert_rotated(token, before)


class Queries(Rotating):
    """A warm instance of the query while the password changes."""

    def setUp(self) -> None:
        super().setUp()
        # The next instance has to read the secret.
        forget(QUERY)
        self.counted(reads=1)
        self.counted(reads=0)

    def counted(self, reads: int) -> None:
        """A request succeeds with this many reads of the secret."""
        with reads_of_the_query() as hits:
            answer = get("/employees")
            self.assertEqual((answer.status, answer.body, hits()), (200, SENTENCE, reads))

    def test_the_pending_password_is_found_once_and_kept(self):
        token = self.begin("createSecret")
        self.counted(reads=0)
        step("setSecret", token)
        # The current version still has the refused password; then the pending one is read.
        self.counted(reads=2)
        self.counted(reads=0)
        step("testSecret", token)
        step("finishSecret", token)
        self.counted(reads=0)

    def test_a_rotation_in_between_is_followed(self):
        rotate()
        self.passwords.append(self.password())
        self.counted(reads=1)
        self.counted(reads=0)

    def test_a_rotation_that_is_given_up_is_followed_back(self):
        before = self.password()
        self.begin("createSecret", "setSecret")
        self.counted(reads=2)
        secrets_manager.give_up()
        set_password(before)
        self.counted(reads=1)
        self.counted(reads=0)


if __name__ == "__main__":
    unittest.main()
