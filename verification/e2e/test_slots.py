"""The command `slots` on the deployed stack."""

import unittest
from contextlib import closing
from typing import Any

from stack import (
    SLOTS,
    STACK,
    STANDARD,
    QuietStack,
    acquire,
    admitted,
    connect,
    get,
    in_use,
    item,
    leases,
    new_lease,
    release,
)
from tools import Samples, flood, set_max_connections, slots


class Operations(QuietStack):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(slots, "resize", str(SLOTS), "--priority", str(SLOTS - STANDARD))
        self.addCleanup(slots, "resume")

    def assert_none_came_in_above(self, limit: int, samples: list[dict[str, Any]]) -> None:
        for before, after in zip(samples, samples[1:]):
            if in_use(after) > limit:
                self.assertLessEqual(set(after["Leases"]["M"]), set(before["Leases"]["M"]))

    def test_a_pool_made_smaller_under_load_comes_down_and_admits_none_above(self):
        with Samples() as samples, flood():
            samples.until(lambda now: in_use(now) > 40)
            code, answer = slots("resize", "20", "--wait")
            self.assertEqual((code, answer["down"]), (0, True))
            self.assertEqual((answer["maxConnections"], answer["standardLimit"]), (20, 18))
            # Nearly full again, at its new size.
            down = samples.next()
            samples.until(lambda now: in_use(now) > 14)
            seen = list(samples.seen)
            code, answer = slots("resize", str(SLOTS))
            self.assertEqual((code, answer["standardLimit"]), (0, STANDARD))
            # The new slots are used at once.
            samples.until(lambda now: in_use(now) > 20)
        small = [sample for sample in seen if sample["MaxConnections"] == {"N": "20"}]
        self.assertGreater(max(map(in_use, small)), 20, "it had to come down")
        self.assert_none_came_in_above(18, small)
        self.assertLessEqual(max(map(in_use, seen[down:])), 20)

    def test_a_drained_pool_stops_all_until_it_is_resumed(self):
        with Samples() as samples, flood():
            samples.until(lambda now: in_use(now) > 40)
            code, answer = slots("drain", "--wait")
            self.assertEqual((code, answer["down"], answer["inUse"]), (0, True, 0))
            refused = get("/employees")
            self.assertEqual((refused.status, refused.problem), (503, "draining"))
            self.assertIsNotNone(refused.headers["retry-after"])
            for rank in ("standard", "priority"):
                self.assertEqual(acquire(new_lease(), 30, **{"class": rank})["reason"], "draining")
            self.assertEqual(in_use(item()), 0)
            drained = [sample for sample in list(samples.seen) if "Drain" in sample]
            code, answer = slots("resume")
            self.assertEqual((code, answer["draining"]), (0, False))
            samples.until(lambda now: in_use(now) > 0)
        self.assert_none_came_in_above(0, drained)
        self.assertEqual(admitted().status, 200)

    def test_a_crashed_holder_keeps_no_drain_waiting(self):
        # It is not released, and a draining pool takes nothing over.
        acquire(new_lease(), 1)
        code, answer = slots("drain", "--wait")
        self.assertEqual((code, answer["inUse"]), (0, 0))

    def test_an_evicted_lease_frees_its_slot(self):
        with leases(STANDARD) as out:
            another = new_lease()
            self.assertEqual(acquire(another, 30)["reason"], "full")
            code, answer = slots("evict", out[0])
            self.assertEqual((code, answer["evicted"], answer["inUse"]), (0, True, STANDARD - 1))
            self.assertTrue(acquire(another, 30)["granted"])
            self.assertFalse(release(out[0])["released"])
            release(another)

    def test_the_status_is_the_items(self):
        with leases(3) as out:
            code, answer = slots("status")
            self.assertEqual(code, 0)
            self.assertEqual({lease["lease"] for lease in answer["leases"]}, set(out))
            self.assertEqual((answer["inUse"], answer["maxConnections"]), (3, SLOTS))


class Doctor(QuietStack):
    def assert_finds(self, *checks: str, options: tuple[str, ...] = ()) -> None:
        code, answer = slots("doctor", *options)
        problems = [found for found in answer["findings"] if found["severity"] == "problem"]
        self.assertEqual([found["check"] for found in problems], list(checks), answer)
        self.assertEqual((code, answer["healthy"]), (int(bool(checks)), not checks))
        for found in problems:
            self.assertTrue(found["says"] and found["do"])

    def test_a_stack_as_it_was_deployed_is_well(self):
        self.assert_finds()

    def test_a_server_made_smaller_than_the_pool_is_found(self):
        self.addCleanup(set_max_connections, 66)
        set_max_connections(50)
        self.assert_finds("sizing")

    def test_a_pool_that_was_left_small_is_found_unless_that_is_intended(self):
        self.addCleanup(slots, "resize", str(SLOTS))
        slots("resize", "40")
        self.assert_finds("sizing")
        self.assert_finds(options=("--reserved", "26"))

    def test_a_pool_that_keeps_nothing_for_rotation_is_found(self):
        self.addCleanup(slots, "resize", str(SLOTS), "--priority", str(SLOTS - STANDARD))
        slots("resize", str(SLOTS), "--priority", "0")
        self.assert_finds("sizing")

    def test_the_secret_leads_to_the_database(self):
        code, answer = slots("doctor", "--secret", STACK["secretArn"])
        self.assertEqual((code, answer["healthy"]), (0, True), answer)
        self.assertEqual(answer["server"]["maxConnections"], 66)
        self.assertEqual(answer["serviceConnections"], 0)

    def test_a_pool_made_larger_than_the_server_is_found(self):
        self.addCleanup(slots, "resize", str(SLOTS))
        # More slots than one item is meant for, but it must stay one item.
        slots("resize", "70", "--shards", "1")
        self.assert_finds("sizing")

    def test_a_connection_without_a_slot_is_found(self):
        with closing(connect()):
            self.assert_finds("connections")

    def test_a_pool_that_was_left_draining_is_found(self):
        self.addCleanup(slots, "resume")
        slots("drain")
        self.assert_finds("draining")


if __name__ == "__main__":
    unittest.main()
