"""The programs that come with it, `slots` and `loadtest`, and what is watched while they run."""

import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable

from stack import POOL, STACK, item, local

SLOTS_COMMAND = os.environ.get("SLOTS", "target/debug/slots")
LOADTEST = os.environ.get("LOADTEST", "target/debug/loadtest")
# How somebody on AWS is known; the stack takes anybody.
AWS = {
    "AWS_ENDPOINT_URL": STACK["awsEndpoint"],
    "AWS_REGION": STACK["region"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
OF_SLOTS = {
    "SLOTS_TABLE": STACK["table"],
    "SLOTS_DATABASE": "mysql://{adminUser}:{adminPassword}@{host}:{port}/{database}".format(
        **STACK["mysql"]
    ),
    "SLOTS_TLS": "off",
}


def slots(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer, or why there is none."""
    done = subprocess.run(
        [SLOTS_COMMAND, *arguments, "--pool", POOL, "--json"],
        env=os.environ | AWS | OF_SLOTS,
        text=True,
        capture_output=True,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


@contextmanager
def flood(users: int = 120):
    """Twice as many users as there are slots, each of which is held for a second. Yields what will be the
    load test's report of it."""
    run: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                LOADTEST, "--stack", os.environ["STACK_JSON"], "--out", folder,
                "--users", str(users), "--hold", "1", "--duration", "600",
            ],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield run
        finally:
            # The load test puts back what it has switched, and judges.
            process.terminate()
            out, err = process.communicate(timeout=120)
        # What it was refused was refused as the contract says: nothing else went wrong.
        assert "VERDICT: FAIL: the test was interrupted\n" in out, out + err
        run.update(json.loads((Path(folder) / "report.json").read_text())["runs"][0])


def set_max_connections(value: int) -> None:
    """What somebody does to the server who has not thought of the pool."""
    local("database/max-connections", {"value": value})


class Samples:
    """The item, or what else there is to `look` at, read again and again."""

    def __init__(self, look: Callable[[], Any] = item):
        self.look = look

    def __enter__(self) -> "Samples":
        self.seen: list[Any] = []
        self.over = threading.Event()
        self.reading = threading.Thread(target=self.read)
        self.reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.reading.join()

    def read(self) -> None:
        while not self.over.is_set():
            self.seen.append(self.look())

    def next(self) -> int:
        """The number of the first sample that will be begun from now on: one is under way."""
        return len(self.seen) + 1

    def until(self, reached: Callable[[Any], Any]) -> None:
        """Waits for a sample that is so, of those that are begun from now on."""
        deadline = time.monotonic() + 60
        at = self.next()
        while not any(map(reached, self.seen[at:])):
            assert self.reading.is_alive() and time.monotonic() < deadline, self.seen[-1:]
            time.sleep(0.01)
