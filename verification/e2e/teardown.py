"""The last tests: the logs that all others left, and the deletion of the stack."""

import json
import pathlib
import unittest

from logs import QUERY, lines
from stack import SECRETS, STACK, client

# The message of an answer from a fault rule of the front door.
INJECTED = "injected by a fault rule"


class Logs(unittest.TestCase):
    def test_no_log_holds_the_password_or_the_secret(self):
        secret = SECRETS.get_secret_value(SecretId=STACK["secretArn"])["SecretString"]
        password = json.loads(secret)["password"]
        self.assertEqual(password, STACK["mysql"]["adminPassword"])
        logs = [path for path in pathlib.Path(STACK["logs"]).rglob("*") if path.is_file()]
        self.assertTrue(any("query" in str(path) for path in logs), logs)
        for path in logs:
            text = path.read_text(errors="replace")
            self.assertNotIn(password, text, path)
            self.assertNotIn(secret, text, path)

    def test_the_query_logs_one_line_an_invocation(self):
        # An instance that starts without admission logs a warning besides.
        requests = [entry for entry in lines(QUERY) if entry["message"] == "request"]
        ids = [request["request_id"] for request in requests]
        self.assertEqual(len(ids), len(set(ids)))
        counted = [request for request in requests if request["outcome"] == "counted"]
        self.assertTrue(counted)
        # Except the one whose release a test made fail.
        refused = [request for request in counted if INJECTED in request.get("release_failure", "")]
        self.assertLessEqual(len(refused), 1)
        for request in counted:
            if request not in refused:
                self.assertIn(request["given_back"], ("released", "kept"), request)


class Deletion(unittest.TestCase):
    def test_the_stack_can_be_deleted(self):
        stacks = client("cloudformation")
        name = STACK["counterFunction"].removesuffix("-counter")
        stacks.delete_stack(StackName=name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        self.assertNotIn(STACK["table"], client("dynamodb").list_tables()["TableNames"])


if __name__ == "__main__":
    unittest.main()
