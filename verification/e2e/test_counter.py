"""The counter, invoked by its callers' protocols."""

import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from stack import (
    POOL,
    SLOTS,
    STACK,
    STANDARD,
    FunctionError,
    QuietStack,
    acquire,
    counter,
    invoke,
    item,
    leases,
    new_lease,
    release,
)


class Article(QuietStack):
    """The payload of the article's sample, unchanged."""

    def test_it_takes_60_is_refused_the_61st_and_gives_them_back(self):
        take = {"incrementCounter": True, "RDBMSName": POOL}
        give_back = {"incrementCounter": False, "RDBMSName": POOL}
        taken = 0
        deadline = time.monotonic() + 60
        # The counter may reject by its rate limit: try again.
        while taken < STANDARD and time.monotonic() < deadline:
            taken += invoke(STACK["counterFunction"], take) is True
        self.assertEqual(taken, STANDARD)
        self.assertIs(invoke(STACK["counterFunction"], take), False)
        self.assertEqual(item()["InUse"], {"N": "60"})
        for _ in range(STANDARD):
            self.assertIs(invoke(STACK["counterFunction"], give_back), True)
        self.assertIs(invoke(STACK["counterFunction"], give_back), False)

    def test_the_flag_may_be_a_word_in_any_case(self):
        for word in ("True", "true", "TRUE"):
            self.assertIs(counter(incrementCounter=word), True)
        for word in ("False", "false", "FALSE"):
            self.assertIs(counter(incrementCounter=word), True)


class Leases(QuietStack):
    def test_of_200_at_once_60_are_granted_then_2_of_class_priority(self):
        asked = [new_lease() for _ in range(200)]
        with ThreadPoolExecutor(40) as callers:
            answers = list(callers.map(lambda lease: acquire(lease, 60), asked))
        granted = [a["lease"] for a in answers if a["granted"]]
        self.assertEqual(len(granted), STANDARD)
        self.assertEqual({a["reason"] for a in answers if not a["granted"]}, {"full"})
        more = [acquire(new_lease(), 60, **{"class": "priority"}) for _ in range(3)]
        self.assertEqual([a["granted"] for a in more], [True, True, False])
        self.assertEqual(item()["InUse"], {"N": str(SLOTS)})
        for lease in granted + [a["lease"] for a in more if a["granted"]]:
            self.assertTrue(release(lease)["released"])

    def test_twenty_holders_that_never_give_back_are_recovered_after_their_lease(self):
        with leases(STANDARD - 20):
            lost, again = [new_lease() for _ in range(20)], new_lease()
            # Also when this test fails: the next one needs an empty pool.
            self.addCleanup(lambda: [release(lease) for lease in [*lost, again]])
            begun = time.monotonic()
            for lease in lost:
                self.assertTrue(acquire(lease, 3)["granted"])
            last = time.monotonic()
            while not (answer := acquire(again, 60))["granted"]:
                self.assertLess(time.monotonic(), last + 30, "the expired leases were not taken over")
                time.sleep(answer["retryAfterMs"] / 1000)
            # Not before the first lease expired, skew allowance included.
            self.assertGreaterEqual(time.monotonic() - begun, 3 + 2)
            self.assertFalse(release(lost[0])["released"])
            # The scheduled sweep may have removed some or all of them.
            self.assertIn(answer.pop("takenOver", 0), range(21))
            self.assertEqual(acquire(again, 60), {**answer, "inUse": int(item()["InUse"]["N"])})

    def test_every_call_may_be_repeated(self):
        lease = new_lease()
        first = acquire(lease, 30)
        self.assertEqual(acquire(lease, 30), first)
        self.assertTrue(counter(op="renew", lease=lease, ttlSeconds=30)["renewed"])
        self.assertTrue(counter(op="renew", lease=lease, ttlSeconds=30)["renewed"])
        self.assertEqual(release(lease), {"released": True, "inUse": 0})
        self.assertEqual(release(lease), {"released": False, "inUse": 0})
        self.assertEqual(counter(op="renew", lease=lease, ttlSeconds=30), {"renewed": False})

    def test_status_tells_the_sizes(self):
        size = {"maxConnections": SLOTS, "standardLimit": STANDARD, "draining": False}
        self.assertEqual(counter(op="status"), {"inUse": 0, "expired": 0} | size)


class Refusals(QuietStack):
    def test_what_is_wrong_is_named_and_changes_nothing(self):
        lease = new_lease()
        wrong = [
            ("payload", []),
            ("op", {}),
            ("op", {"op": "grab", "RDBMSName": POOL}),
            ("incrementCounter", {"incrementCounter": 1, "RDBMSName": POOL}),
            ("RDBMSName", {"incrementCounter": True}),
            ("RDBMSName", {"incrementCounter": True, "RDBMSName": "x" * 100_000}),
            ("lease", {"op": "release", "RDBMSName": POOL, "lease": "~invalid"}),
        ] + [
            ("ttlSeconds", {"op": "acquire", "RDBMSName": POOL, "lease": lease, "ttlSeconds": ttl})
            for ttl in (0, -1, 961, 1e300, "30", None)
        ]
        before = item()
        for field, payload in wrong:
            with self.subTest(payload=str(payload)[:80]):
                with self.assertRaises(FunctionError) as refused:
                    invoke(STACK["counterFunction"], payload)
                self.assertEqual(refused.exception.type, "InvalidRequest")
                self.assertTrue(refused.exception.message.startswith(f"{field}: "), refused.exception)
        self.assertEqual(item(), before)

    def test_an_unknown_pool_is_an_error(self):
        for payload in ({"incrementCounter": True}, {"op": "status"}):
            with self.assertRaises(FunctionError) as refused:
                counter(**{**payload, "RDBMSName": "unknown"})
            self.assertEqual(refused.exception.type, "UnknownPool")


if __name__ == "__main__":
    unittest.main()
