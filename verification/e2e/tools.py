"""The commands `slots` and `loadtest`, and samples of the pool while they run."""

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
# Credentials: the stack accepts any.
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
    """Runs `slots`; returns its exit code and its JSON answer or error."""
    done = subprocess.run(
        [SLOTS_COMMAND, *arguments, "--pool", POOL, "--json"],
        env=os.environ | AWS | OF_SLOTS,
        text=True,
        capture_output=True,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


@contextmanager
def flood(users: int = 120):
    """Floods the service: by default twice as many users as slots, each slot held for a second. Yields a
    dictionary that holds the load test's run afterwards."""
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
            # The load test restores the query function and judges.
            process.terminate()
            out, err = process.communicate(timeout=120)
        # It failed only because it was interrupted: every answer kept to the contract.
        assert "VERDICT: FAIL: the test was interrupted\n" in out, out + err
        run.update(json.loads((Path(folder) / "report.json").read_text())["runs"][0])


def set_max_connections(value: int) -> None:
    """Changes the server's `max_connections`, not the pool."""
    local("database/max-connections", {"value": value})


class Samples:
    """The results of `read`, by default the pool's item, taken continuously."""

    def __init__(self, read: Callable[[], Any] = item):
        self.read = read

    def __enter__(self) -> "Samples":
        self.seen: list[Any] = []
        self.over = threading.Event()
        self.reading = threading.Thread(target=self.sample)
        self.reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.reading.join()

    def sample(self) -> None:
        while not self.over.is_set():
            self.seen.append(self.read())

    def next(self) -> int:
        """The index of the first sample that starts from now on: one is in progress."""
        return len(self.seen) + 1

    def until(self, reached: Callable[[Any], Any]) -> None:
        """Waits for a sample, started from now on, for which `reached` holds."""
        deadline = time.monotonic() + 60
        at = self.next()
        while not any(map(reached, self.seen[at:])):
            assert self.reading.is_alive() and time.monotonic() < deadline, self.seen[-1:]
            time.sleep(0.01)
