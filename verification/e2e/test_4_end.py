"""The end of the stack; and what all that came before has left in the logs."""

import json
import pathlib
import unittest

from stack import SECRETS, STACK, client

# What an answer says that a test has asked the front door for.
BY_A_RULE = "asked for by a rule of the front door"


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
        folder = pathlib.Path(STACK["logs"]) / STACK["queryFunction"]
        lines = [line for path in folder.rglob("*.log") for line in path.read_text().splitlines()]
        entries = [json.loads(line) for line in lines]
        # The other kind of line is that of an instance which starts without admission.
        requests = [entry for entry in entries if entry["message"] == "request"]
        ids = [request["request_id"] for request in requests]
        self.assertEqual(len(ids), len(set(ids)))
        counted = [request for request in requests if request["outcome"] == "counted"]
        self.assertTrue(counted)
        # But for the one whose release a test has refused at the front door.
        refused = [request for request in counted if BY_A_RULE in request.get("release_failure", "")]
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
