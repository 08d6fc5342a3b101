"""One counter and one table serve two pools: docs/examples/second-pool, deployed beside the stack."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml
from samtranslator.yaml_helper import yaml_parse
from stack import (
    LAMBDA,
    POOL,
    SLOTS,
    STACK,
    STANDARD,
    TABLES,
    QuietStack,
    client,
    counter,
    item,
    leases,
    new_lease,
    release,
)

TEMPLATE = pathlib.Path(__file__).parents[2] / "docs/examples/second-pool/template.yaml"
SAM = pathlib.Path(sys.executable).with_name("sam")
NAME, SECOND = "second", "Orders_MySQL"


def deploy(folder: pathlib.Path) -> None:
    """Deploys the template with two changes: the code of init is the one the stack has built, and init gets
    the address of the AWS APIs, because MiniStack runs it without one."""
    template = yaml_parse(TEMPLATE.read_text())
    init = template["Resources"]["InitFunction"]["Properties"]
    init["CodeUri"] = str(pathlib.Path(STACK["logs"]).parent / "sam/build/InitFunction")
    init["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = STACK["awsEndpoint"]
    path = folder / "template.yaml"
    path.write_text(yaml.safe_dump(template))
    arn = LAMBDA.get_function(FunctionName=STACK["counterFunction"])["Configuration"]["FunctionArn"]
    parameters = {
        "PoolName": SECOND,
        "TableName": STACK["table"],
        "CounterFunctionArn": arn,
        "SecretArn": STACK["secretArn"],
        "MaxConnections": 10,
        "ReservedConnections": 1,
        "PrioritySlots": 1,
        "DatabaseTls": "off",
    }
    deployed = subprocess.run(
        [SAM, "deploy", "--stack-name", NAME, "--template-file", path, "--resolve-s3"]
        + ["--capabilities", "CAPABILITY_IAM", "--no-progressbar", "--parameter-overrides"]
        + [f"ParameterKey={name},ParameterValue={value}" for name, value in parameters.items()],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(folder)),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_ENDPOINT_URL": STACK["awsEndpoint"],
            "AWS_DEFAULT_REGION": STACK["region"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert deployed.returncode == 0, deployed.stdout


def delete() -> None:
    stacks = client("cloudformation")
    stacks.delete_stack(StackName=NAME)
    stacks.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})


def second(**payload: object):
    return counter(RDBMSName=SECOND, **payload)


class SecondPool(QuietStack):
    def test_two_pools_share_a_table_and_a_counter_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            deploy(pathlib.Path(folder))
        self.addCleanup(delete)
        size = {"inUse": 0, "maxConnections": 9, "standardLimit": 8, "expired": 0}
        self.assertEqual(second(op="status"), {**second(op="status"), **size})

        ours = [new_lease() for _ in range(8)]
        with leases(STANDARD) as taken:
            # The first pool is full; the second is not affected.
            for lease in ours:
                self.assertTrue(second(op="acquire", lease=lease, ttlSeconds=60)["granted"])
            refused = second(op="acquire", lease=new_lease(), ttlSeconds=60)
            self.assertEqual((refused["granted"], refused["reason"]), (False, "full"))
            # A lease belongs to one pool.
            self.assertFalse(second(op="release", lease=taken[0])["released"])
            self.assertFalse(release(ours[0])["released"])
            self.assertEqual(item()["InUse"], {"N": str(STANDARD)})
            self.assertEqual(second(op="status")["inUse"], 8)
        self.assertEqual(item()["InUse"], {"N": "0"})
        self.assertEqual(item()["MaxConnections"], {"N": str(SLOTS)})

        for lease in ours:
            self.assertTrue(second(op="release", lease=lease)["released"])
        delete()
        for name in [SECOND, f"{SECOND}#owner"]:
            key = {"RDBMSName": {"S": name}}
            self.assertNotIn("Item", TABLES.get_item(TableName=STACK["table"], Key=key))
        self.assertEqual(counter(op="status", RDBMSName=POOL)["maxConnections"], SLOTS)


if __name__ == "__main__":
    unittest.main()
