"""A pool that is split over several items."""

import time
import unittest
from typing import Any

from stack import (
    SLOTS,
    STANDARD,
    FunctionError,
    QuietStack,
    acquire,
    admitted,
    counter,
    get,
    in_use,
    item,
    leases,
    new_lease,
    release,
    shard,
)
from tools import Samples, flood, set_max_connections, slots

PRIORITY = str(SLOTS - STANDARD)


def shards() -> list[dict[str, Any]]:
    """All items of the pool in order."""
    first = item()
    others = [shard(number) for number in range(1, int(first.get("Shards", {"N": "1"})["N"]))]
    # An item is removed only when the pool is empty.
    return [first, *filter(None, others)]


def sum_in_use(shards: list[dict[str, Any]]) -> int:
    return sum(map(in_use, shards))


def limit(item: dict[str, Any]) -> int:
    return int(item["StandardLimit"]["N"])


def leases_of(shards: list[dict[str, Any]]) -> set[str]:
    return {lease for one in shards for lease in one["Leases"]["M"]}


def split(slots_of_all: int, count: int) -> None:
    """Splits the pool over this many items with `slots`."""
    for arguments in (
        ("drain", "--wait"),
        ("resize", str(slots_of_all), "--priority", PRIORITY, "--shards", str(count)),
        ("resume",),
    ):
        code, answer = slots(*arguments)
        assert code == 0, answer
    assert answer["shards"] == count, answer


class Split(QuietStack):
    @classmethod
    def setUpClass(cls) -> None:
        cls.addClassCleanup(cls.make_whole)
        split(SLOTS, 3)

    @staticmethod
    def make_whole() -> None:
        split(SLOTS, 1)
        assert "Shards" not in item()
        assert [shard(number) for number in range(1, 4)] == [None] * 3

    def assert_quiet(self) -> None:
        now = shards()
        self.assertEqual((len(now), sum_in_use(now), leases_of(now)), (3, 0, set()))

    def test_a_flood_uses_every_item_and_never_more_than_all_slots(self):
        self.addCleanup(slots, "resize", str(SLOTS), "--priority", PRIORITY)
        with Samples(shards) as samples, flood(2 * SLOTS) as run:
            samples.until(lambda now: sum_in_use(now) > 40 and all(map(in_use, now)))
            code, answer = slots("resize", "30", "--wait")
            self.assertEqual((code, answer["down"], answer["shards"]), (0, True, 3))
            self.assertEqual((answer["maxConnections"], answer["standardLimit"]), (30, 28))
            down = samples.next()
            # Nearly full again, at its new size.
            samples.until(lambda now: sum_in_use(now) > 20)
            small = list(samples.seen)
            code, answer = slots("resize", str(SLOTS))
            self.assertEqual((code, answer["standardLimit"]), (0, STANDARD))
            samples.until(lambda now: sum_in_use(now) > 30)
        self.assertLessEqual(max(map(sum_in_use, samples.seen)), STANDARD)
        self.assertLessEqual(max(map(sum_in_use, small[down:])), 30)
        # The load test and the server see the sum.
        self.assertGreater(run["slots"]["peak"], max(map(limit, shards())))
        self.assertLessEqual(run["slots"]["peak"], STANDARD)
        self.assertLessEqual(run["server"]["peakService"], SLOTS)
        self.assertEqual((run["refused"], run["broken"]["count"]), (0, 0))

    def test_everything_finds_a_lease_wherever_it_is(self):
        with leases(STANDARD) as out:
            where = shards()
            self.assertEqual(leases_of(where), set(out))
            code, answer = slots("status")
            self.assertEqual((code, answer["shards"], answer["inUse"]), (0, 3, STANDARD))
            self.assertEqual((answer["maxConnections"], answer["standardLimit"]), (SLOTS, STANDARD))
            self.assertEqual({lease["lease"] for lease in answer["leases"]}, set(out))
            self.assertEqual(counter(op="status")["inUse"], STANDARD)
            self.assertEqual(get("/employees").problem, "no-slot")
            for number, one in enumerate(where):
                evicted, renewed, third, *_ = one["Leases"]["M"]
                code, answer = slots("evict", evicted)
                self.assertEqual((code, answer["evicted"]), (0, True))
                self.assertNotIn(evicted, leases_of(shards()))
                # A request may name the item, but need not.
                renewal = {"op": "renew", "lease": renewed, "ttlSeconds": 60}
                self.assertTrue(counter(**renewal)["renewed"])
                self.assertTrue(counter(**renewal, shard=number)["renewed"])
                self.assertTrue(release(renewed)["released"])
                self.assertTrue(counter(op="release", lease=third, shard=number)["released"])
            self.assertEqual(sum_in_use(shards()), STANDARD - 9)
            self.assertEqual(admitted().status, 200)

    def test_a_grant_says_where_it_is_and_a_repeated_one_is_the_same(self):
        for _ in range(6):
            lease = new_lease()
            granted = acquire(lease, 30)
            where = [number for number, one in enumerate(shards()) if lease in one["Leases"]["M"]]
            self.assertEqual([granted.get("shard", 0)], where)
            again = acquire(lease, 30)
            self.assertEqual((again["granted"], again.get("shard", 0)), (True, where[0]))
            self.assertTrue(release(lease)["released"])
            self.assertFalse(release(lease)["released"])

    def test_what_has_expired_is_swept_in_every_item(self):
        lost = [new_lease() for _ in range(12)]
        for lease in lost:
            self.assertTrue(acquire(lease, 1)["granted"])
        self.assertGreater(sum(in_use(one) > 0 for one in shards()), 1, "they are in several")
        self.addCleanup(slots, "resume")
        # Waits until the leases expire, and removes them.
        code, answer = slots("drain", "--wait")
        self.assertEqual((code, answer["inUse"]), (0, 0))
        self.assertEqual(sum_in_use(shards()), 0)

    def test_the_articles_callers_are_served_from_every_item(self):
        taken, deadline = 0, time.monotonic() + 60
        # The counter may reject by its rate limit or its cache.
        while taken < STANDARD and time.monotonic() < deadline:
            taken += counter(incrementCounter=True) is True
        self.assertEqual(taken, STANDARD)
        self.assertIs(counter(incrementCounter=True), False)
        self.assertEqual(sum_in_use(shards()), STANDARD)
        for _ in range(STANDARD):
            self.assertIs(counter(incrementCounter=False), True)
        self.assertIs(counter(incrementCounter=False), False)


class Change(QuietStack):
    def test_slots_do_not_move_while_they_may_be_out(self):
        before = item()
        for shards_then in ("3", "2"):
            code, answer = slots("resize", str(SLOTS), "--shards", shards_then)
            self.assertEqual(code, 2, answer)
            self.assertIn("drain it first", answer["error"])
        self.assertEqual((item(), shard(1)), (before, None))

    def test_a_pool_that_grows_gets_items_under_load(self):
        self.addCleanup(set_max_connections, 66)
        self.addCleanup(split, SLOTS, 1)
        set_max_connections(160)
        with Samples(shards) as samples, flood(140):
            samples.until(lambda now: sum_in_use(now) > 40)
            code, answer = slots("resize", "130")
            self.assertEqual((code, answer["maxConnections"], answer["draining"]), (0, 130, False))
            self.assertGreater(answer["shards"], 1)
            count = answer["shards"]
            samples.until(lambda now: sum_in_use(now) > SLOTS)
            # Every item has a lease.
            samples.until(lambda now: len(now) == count and all(map(in_use, now)))
        self.assertLessEqual(max(map(sum_in_use, samples.seen)), 130)

    def test_an_instance_with_too_many_items_cached_still_finds_a_lease(self):
        split(SLOTS, 3)
        self.addCleanup(split, SLOTS, 1)
        lease = new_lease()
        # A lease in an item that will be removed.
        while (granted := acquire(lease, 30)).get("shard", 0) == 0:
            self.assertTrue(granted["granted"])
            release(lease)
            lease = new_lease()
        self.assertTrue(release(lease)["released"])
        split(SLOTS, 1)
        self.assertEqual(release(lease), {"released": False, "inUse": 0})
        self.assertTrue(acquire(lease, 30)["granted"])
        self.assertTrue(counter(op="renew", lease=lease, ttlSeconds=30)["renewed"])
        self.assertEqual(release(lease), {"released": True, "inUse": 0})

    def test_a_wrong_shard_is_named(self):
        for wrong in (-1, "0", 1.5):
            with self.assertRaises(FunctionError) as refused:
                counter(op="release", lease=new_lease(), shard=wrong)
            self.assertEqual(refused.exception.type, "InvalidRequest")
            self.assertTrue(refused.exception.message.startswith("shard: "), refused.exception)
        # With a shard that the pool does not have, the lease is looked up in the others.
        lease = new_lease()
        self.assertTrue(acquire(lease, 30)["granted"])
        self.assertTrue(counter(op="release", lease=lease, shard=9)["released"])


if __name__ == "__main__":
    unittest.main()
