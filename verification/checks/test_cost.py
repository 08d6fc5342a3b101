"""The numbers of docs/cost.md follow from its prices and inputs."""

import pathlib
import re
import sys
import unittest

PROJECT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "verification/bench/cost"))

import costs  # noqa: E402
import inputs  # noqa: E402
import page  # noqa: E402
import prices  # noqa: E402
from deployed import deployed  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class Page(unittest.TestCase):
    text = page.PAGE.read_text()

    def test_its_tables_are_what_is_computed(self):
        self.assertEqual(self.text, page.written(self.text), "run verification/bench/cost/page.py")

    def test_another_number_is_seen(self):
        (total,) = re.findall(r"\*\*\$[\d.]+ a month\*\*", self.text)
        changed = self.text.replace(total, "**$0.01 a month**")
        self.assertNotEqual(changed, page.written(changed))

    def test_a_place_that_is_gone_is_seen(self):
        with self.assertRaises(ValueError):
            page.written(self.text.replace("cost:network", "cost:networks"))

    def test_every_price_says_where_and_when_it_was_seen(self):
        self.assertGreater(len(prices.ALL), 10)
        for price in prices.ALL:
            self.assertRegex(price.page, r"^https://aws\.amazon\.com/.*pricing/")
            self.assertRegex(price.seen, r"20\d\d")


class Inputs(unittest.TestCase):
    """The inputs match the template."""

    def test_the_functions_memory(self):
        for resource in deployed(PROJECT / "template.yaml").values():
            if resource["Type"] == "AWS::Lambda::Function":
                self.assertEqual(resource["Properties"]["MemorySize"], inputs.MEMORY_GB * 1024)

    def test_what_is_paid_by_the_month(self):
        resources = list(deployed(PROJECT / "template.yaml").values())
        kinds = [resource["Type"] for resource in resources]
        self.assertEqual(kinds.count("AWS::CloudWatch::Alarm"), inputs.ALARMS)
        self.assertEqual(kinds.count("AWS::CloudWatch::Dashboard"), inputs.DASHBOARDS)
        self.assertEqual(kinds.count("AWS::EC2::Subnet"), inputs.ZONES)
        for page in ("README.md", "docs/metrics.md"):
            (count,) = re.findall(r"\b(\d+) alarms\b", (PROJECT / page).read_text())
            self.assertEqual(int(count), inputs.ALARMS, page)
        (schedule,) = [r for r in resources if r["Type"] == "AWS::Events::Rule"]
        self.assertEqual(schedule["Properties"]["ScheduleExpression"], "rate(1 minute)")

    def test_the_classes_and_the_storage(self):
        classes = yaml_parse((PROJECT / "template.yaml").read_text())["Mappings"]["InstanceClasses"]
        self.assertEqual(classes.keys(), inputs.VCPUS.keys())
        self.assertEqual(classes.keys(), prices.DATABASE_HOUR.keys())
        database = deployed(PROJECT / "template.yaml")["Database"]["Properties"]
        self.assertEqual(database["AllocatedStorage"], str(inputs.STORAGE_GB))

    def test_extended_support_is_paid_for_mysql_8_0_alone(self):
        cost = costs.database("db.t2.micro", "8.0")
        self.assertEqual(costs.database("db.t4g.micro", "8.4").extended_support, 0)
        # docs/parameters.md: "six times its price".
        self.assertEqual(round(cost.extended_support / cost.hours), 6)

    def test_the_metrics_are_as_many_as_the_list_has(self):
        # A test of the library compares the list with the code.
        page = (PROJECT / "docs/metrics.md").read_text()
        listed = re.findall(r"^\| `\w+` \| (?:Count|Milliseconds|Percent) \|", page, re.MULTILINE)
        self.assertEqual(inputs.METRICS, len(listed))
        self.assertIn(f"- {inputs.METRICS} custom metrics at the most", page)


if __name__ == "__main__":
    unittest.main()
