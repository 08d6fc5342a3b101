"""The custom resource: its effect on the database and the pool, and its answers."""

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from stack import (
    POOL,
    STACK,
    TABLES,
    QuietStack,
    client,
    counter,
    forget,
    invoke,
    item,
    leases,
    new_lease,
    query,
    until,
)


def item_of(key: str) -> dict | None:
    return TABLES.get_item(TableName=STACK["table"], Key={"RDBMSName": {"S": key}}, ConsistentRead=True).get("Item")


class Answers(BaseHTTPRequestHandler):
    """Receives what init sends to CloudFormation's presigned URL."""

    def do_PUT(self) -> None:
        length = int(self.headers["content-length"])
        self.server.answers.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Init(QuietStack):
    def setUp(self) -> None:
        super().setUp()
        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        self.server.answers = []
        serving = threading.Thread(target=self.server.serve_forever)
        serving.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(serving.join)
        self.addCleanup(self.server.shutdown)
        # Requests come from this stack unless a test sets another one.
        self.stack = item_of(f"{POOL}#owner")["OwnerStack"]["S"]
        # Undoes every change of the pool before the check that it is empty.
        self.addCleanup(self.call_init, "Update", POOL)

    def call_init(self, request: str, physical: str | None = None, stack: str = "", **properties: str) -> dict:
        properties = {
            "ServiceToken": "arn",
            "PoolName": POOL,
            "MaxConnections": "66",
            "ReservedConnections": "4",
            "PrioritySlots": "2",
            **properties,
        }
        event = {
            "RequestType": request,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/",
            "StackId": stack or self.stack,
            "RequestId": "request",
            "ResourceType": "Custom::AdmissionPool",
            "LogicalResourceId": "Pool",
            "ResourceProperties": properties,
        }
        if physical is not None:
            event["PhysicalResourceId"] = physical
        if request == "Update":
            event["OldResourceProperties"] = {}
        invoke(STACK["initFunction"], event)
        return self.server.answers.pop()

    def test_a_second_create_adds_no_rows(self):
        answer = self.call_init("Create")
        self.assertEqual((answer["Status"], answer["PhysicalResourceId"]), ("SUCCESS", POOL))
        self.assertEqual(answer["Data"]["MaxConnections"], 62)
        self.assertEqual(query("SELECT COUNT(*) FROM Employees"), 3)

    def test_a_create_fills_an_empty_table_and_an_update_does_not(self):
        query("DELETE FROM Employees")
        self.call_init("Update", POOL)
        self.assertEqual(query("SELECT COUNT(*) FROM Employees"), 0)
        self.call_init("Create")
        names = query("SELECT GROUP_CONCAT(CONCAT(FirstName, ' ', LastName) ORDER BY EmployeeID) FROM Employees")
        self.assertEqual(names, "John Smith,Jane Doe,Bob Rogers")

    def test_an_update_changes_the_size_and_leaves_the_leases_out(self):
        with leases(10) as out:
            answer = self.call_init("Update", POOL, ReservedConnections="16")
            self.assertEqual(answer["Status"], "SUCCESS")
            now = item()
            self.assertEqual((now["MaxConnections"], now["StandardLimit"]), ({"N": "50"}, {"N": "48"}))
            self.assertEqual(set(now["Leases"]["M"]), set(out))

    def test_a_pool_that_the_server_cannot_serve_is_refused(self):
        before = item()
        answer = self.call_init("Update", POOL, MaxConnections="67")
        self.assertEqual((answer["Status"], answer["PhysicalResourceId"]), ("FAILED", POOL))
        self.assertIn("66 connections", answer["Reason"])
        self.assertEqual(item(), before)

    def test_the_servers_own_number_is_taken_where_none_is_given(self):
        answer = self.call_init("Update", POOL, MaxConnections="0")
        self.assertEqual(answer["Data"]["MaxConnections"], 62)

    def test_properties_that_make_no_sense_are_answered_with_their_name(self):
        answer = self.call_init("Create", PrioritySlots="many")
        self.assertEqual((answer["Status"], answer["PhysicalResourceId"]), ("FAILED", "not-created"))
        self.assertIn("PrioritySlots", answer["Reason"])
        self.assertEqual(self.call_init("Delete", "not-created")["Status"], "SUCCESS")

    def test_another_stack_is_refused_by_name_and_its_end_removes_nothing(self):
        self.assertRegex(self.stack, r"^arn:aws:cloudformation:.*:stack/[^/]+/.+")
        before, name = item(), self.stack.split("/")[1]
        for request, physical in [("Create", None), ("Update", "Mine")]:
            answer = self.call_init(request, physical, stack="arn:other", ReservedConnections="16")
            self.assertEqual((answer["Status"], answer["PhysicalResourceId"]), ("FAILED", physical or "not-created"))
            self.assertIn(f"belongs to stack {name} ({self.stack})", answer["Reason"])
        answer = self.call_init("Delete", POOL, stack="arn:other")
        self.assertEqual((answer["Status"], answer["Data"]), ("SUCCESS", {"Removed": False}))
        self.assertEqual(item(), before)

    def test_a_pool_of_another_name_grants_nothing_before_the_old_one_is_empty(self):
        # With a draining pool cached, an instance could reject the next test's first requests.
        self.addCleanup(forget, STACK["counterFunction"])
        ours, answers = new_lease(), []
        asking = threading.Thread(target=lambda: answers.append(self.call_init("Update", POOL, PoolName="Other")))
        with leases(3):
            asking.start()
            until(lambda: "Drain" in item())
            refused = counter(op="acquire", lease=new_lease(), ttlSeconds=60)
            self.assertEqual((refused["granted"], refused["reason"]), (False, "draining"))
            self.assertIsNone(item_of("Other"))
        asking.join()
        self.assertEqual((answers[0]["Status"], answers[0]["PhysicalResourceId"]), ("SUCCESS", "Other"))
        self.assertTrue(counter(op="acquire", RDBMSName="Other", lease=ours, ttlSeconds=60)["granted"])
        self.assertFalse(counter(op="acquire", lease=new_lease(), ttlSeconds=60)["granted"])
        counter(op="release", RDBMSName="Other", lease=ours)
        # What CloudFormation does when something else of the update fails.
        self.assertEqual(self.call_init("Update", "Other")["PhysicalResourceId"], POOL)
        self.assertNotIn("Drain", item())
        self.assertTrue(self.call_init("Delete", "Other", PoolName="Other")["Data"]["Removed"])
        self.assertIsNone(item_of("Other"))
        self.assertIsNone(item_of("Other#owner"))

    def test_a_delete_removes_an_unused_pool_and_keeps_a_used_one(self):
        self.assertEqual(self.call_init("Create", PoolName="Other")["PhysicalResourceId"], "Other")
        lease = "12345678"
        counter(op="acquire", RDBMSName="Other", lease=lease, ttlSeconds=60)
        self.assertFalse(self.call_init("Delete", "Other", PoolName="Other")["Data"]["Removed"])
        counter(op="release", RDBMSName="Other", lease=lease)
        self.assertTrue(self.call_init("Delete", "Other", PoolName="Other")["Data"]["Removed"])
        key = {"RDBMSName": {"S": "Other"}}
        self.assertNotIn("Item", client("dynamodb").get_item(TableName=STACK["table"], Key=key))


if __name__ == "__main__":
    unittest.main()
