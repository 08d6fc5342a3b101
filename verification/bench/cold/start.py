"""A cold start of a function's binary, as Lambda does it."""

import pathlib
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from runtime_api import Answered, RuntimeApi


class Process(NamedTuple):
    """Resource usage of a process."""

    cpu_ms: float
    """Processor time so far, of all living threads."""
    rss_mb: float


class Start(NamedTuple):
    """A start and its invocations, in milliseconds."""

    init: float
    """From process start to the first request for an event."""
    init_cpu: float
    invocations: list[float]
    """From sending an event to its answer."""
    cpu: list[float]
    """Processor time of each invocation."""
    rss_init_mb: float
    rss_mb: float
    """After the first answer."""
    answers: list[Answered]


def process(pid: int) -> Process:
    folder = pathlib.Path(f"/proc/{pid}")
    # In nanoseconds; `stat` only has hundredths of a second.
    nanoseconds = sum(int(task.read_text().split()[0]) for task in folder.glob("task/*/schedstat"))
    status = (folder / "status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Process(nanoseconds / 1e6, int(rss.split()[1]) / 1024)


def start(binary: pathlib.Path, environment: Mapping[str, str], events: Sequence[Any]) -> Start:
    """Starts `binary`, sends it `events`, and kills it."""
    pid: Future[int] = Future()
    api = RuntimeApi(events, inspect=lambda: process(pid.result()))
    try:
        begun = time.perf_counter()
        with subprocess.Popen(
            [binary],
            env={**environment, "AWS_LAMBDA_RUNTIME_API": api.address},
            cwd=binary.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            pid.set_result(child.pid)
            threading.Thread(target=lambda: api.ended(child.wait()), daemon=True).start()
            try:
                api.wait()
            finally:
                child.kill()
    finally:
        api.close()
    assert api.requested is not None
    usage = [api.initialised, *(answered.process for answered in api.answers)]
    return Start(
        init=1000 * (api.requested - begun),
        init_cpu=usage[0].cpu_ms,
        invocations=[1000 * (one.answered - one.taken) for one in api.answers],
        cpu=[after.cpu_ms - before.cpu_ms for before, after in zip(usage, usage[1:])],
        rss_init_mb=usage[0].rss_mb,
        rss_mb=usage[1].rss_mb if len(usage) > 1 else usage[0].rss_mb,
        answers=api.answers,
    )
