"""The query behind the API, with the database healthy and failing."""

import contextlib
import json
import unittest

import pymysql
from stack import (
    SECRETS,
    SLOTS,
    STACK,
    STANDARD,
    QuietStack,
    connect,
    get,
    in_use,
    invoke,
    item,
    leases,
    query,
    rule,
    until,
)

SENTENCE = "Selected 3 items from RDS MySQL table"


class Counted(QuietStack):
    def test_both_paths_answer_the_articles_sentence(self):
        for path in ("", "/", "/employees"):
            answer = get(path)
            self.assertEqual((answer.status, answer.body), (200, SENTENCE), path)
            self.assertEqual(answer.headers["content-type"], "text/html")

    def test_json_is_for_those_who_ask(self):
        answer = get("/employees", Accept="application/json")
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(json.loads(answer.body), {"employees": 3})

    def test_an_http_api_event_is_understood_too(self):
        def event(method: str, path: str) -> dict:
            http = {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            }
            context = {
                "accountId": "1",
                "apiId": "a",
                "domainName": "d",
                "domainPrefix": "d",
                "http": http,
                "requestId": "r",
                "routeKey": "$default",
                "stage": "prod",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1583348638390,
            }
            return {
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "rawQueryString": "",
                "headers": {},
                "requestContext": context,
                "isBase64Encoded": False,
            }

        answer = invoke(STACK["queryFunction"], event("GET", "/prod/employees"))
        self.assertEqual((answer["statusCode"], answer["body"]), (200, SENTENCE))
        self.assertEqual(invoke(STACK["queryFunction"], event("GET", "/prod/x"))["statusCode"], 404)
        refused = invoke(STACK["queryFunction"], event("POST", "/prod/employees"))
        self.assertEqual((refused["statusCode"], refused["headers"]["allow"]), (405, "GET"))

    def test_another_path_is_not_found(self):
        answer = get("/elsewhere")
        self.assertEqual((answer.status, answer.problem), (404, "not-found"))


class NoSlot(QuietStack):
    def test_a_full_pool_is_a_503_that_says_when_to_come_back(self):
        with leases(STANDARD):
            answer = get("/employees")
            self.assertEqual((answer.status, answer.problem), (503, "no-slot"))
            self.assertIn(int(answer.headers["retry-after"]), (1, 2))
            body = json.loads(answer.body)
            self.assertEqual((body["inUse"], body["maxConnections"]), (STANDARD, SLOTS))


class LostGrant(QuietStack):
    def test_a_lost_grant_whose_retries_fail_is_released(self):
        grants = {"from": STACK["queryFunction"], "call": "acquire", "moment": "granted"}
        # When two rules hit the same answer, the later one decides.
        with (
            rule(**grants, action={"answer": "throttled"}) as throttled,
            rule(**grants, action={"answer": "unreachable"}, times=1) as lost,
        ):
            self.assertEqual(get("/employees").problem, "admission-unavailable")
            self.assertEqual(lost(), 1)
            self.assertGreater(throttled(), 1)
        # Long before its lease expires.
        until(lambda: in_use(item()) == 0, 10)


class Trouble(QuietStack):
    """Whatever the database does, the slot is released and the answer has no secret."""

    def assert_discreet(self, body: str) -> None:
        mysql = STACK["mysql"]
        for private in (mysql["adminPassword"], mysql["host"], mysql["adminUser"], "SELECT"):
            self.assertNotIn(private, body)

    @contextlib.contextmanager
    def secret(self, **changed):
        """Changes the secret for a while; the query reads it again after a refused login."""
        kept = SECRETS.get_secret_value(SecretId=STACK["secretArn"])["SecretString"]
        changed = json.dumps({**json.loads(kept), **changed})
        SECRETS.put_secret_value(SecretId=STACK["secretArn"], SecretString=changed)
        try:
            yield
        finally:
            SECRETS.put_secret_value(SecretId=STACK["secretArn"], SecretString=kept)

    def set_password(self, password: str) -> None:
        with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET PASSWORD = PASSWORD(%s)", (password,))

    def test_a_changed_password_is_read_again_and_no_request_is_lost(self):
        original = STACK["mysql"]["adminPassword"]
        self.assertEqual(get("/employees").body, SENTENCE)
        self.set_password("another")
        STACK["mysql"]["adminPassword"] = "another"
        try:
            with self.secret(password="another"):
                self.assertEqual(get("/employees").body, SENTENCE)
        finally:
            self.set_password(original)
            STACK["mysql"]["adminPassword"] = original
        self.assertEqual(get("/employees").body, SENTENCE)

    def test_a_wrong_port_in_the_secret_is_replaced_once_the_secret_is_corrected(self):
        original = STACK["mysql"]["adminPassword"]
        self.set_password("another")
        STACK["mysql"]["adminPassword"] = "another"
        try:
            # After a refused login the query reads the secret again.
            with self.secret(password="another", port=1):
                answer = get("/employees")
            with self.secret(password="another"):
                mended = get("/employees")
        finally:
            self.set_password(original)
            STACK["mysql"]["adminPassword"] = original
        self.assertEqual((answer.status, answer.problem), (502, "database-failed"))
        self.assert_discreet(answer.body)
        self.assertEqual(mended.body, SENTENCE)
        self.assertEqual(get("/employees").body, SENTENCE)

    def test_a_password_that_stays_wrong_is_a_502(self):
        original = STACK["mysql"]["adminPassword"]
        self.set_password("unknown to the secret")
        STACK["mysql"]["adminPassword"] = "unknown to the secret"
        try:
            answer = get("/employees")
        finally:
            self.set_password(original)
            STACK["mysql"]["adminPassword"] = original
        self.assertEqual((answer.status, answer.problem), (502, "database-refused"))
        self.assert_discreet(answer.body)

    def test_a_server_that_others_have_filled_is_a_503_of_its_own(self):
        crowd = []
        try:
            with self.assertRaises(pymysql.err.OperationalError) as full:
                while len(crowd) < 100:
                    crowd.append(connect())
            self.assertEqual(full.exception.args[0], 1040)
            answer = get("/employees")
        finally:
            for connection in crowd:
                connection.close()
        self.assertEqual((answer.status, answer.problem), (503, "connection-refused-by-server"))
        self.assertIn("retry-after", answer.headers)
        self.assert_discreet(answer.body)

    def test_a_table_that_is_gone_is_a_502(self):
        query("RENAME TABLE Employees TO Hidden")
        try:
            answer = get("/employees")
        finally:
            query("RENAME TABLE Hidden TO Employees")
        self.assertEqual((answer.status, answer.problem), (502, "database-failed"))
        self.assert_discreet(answer.body)


if __name__ == "__main__":
    unittest.main()
