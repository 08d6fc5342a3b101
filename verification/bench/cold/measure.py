"""Measures the functions' sizes, and the times from process start to the first answers, on a local stack.
Prints the tables of docs/cold-start.md.

    make cold                                    measures the deployed functions and writes the tables
    target/debug/local --dir target/cold run -- .venv/bin/python verification/bench/cold/measure.py --help"""

import argparse
import io
import os
import pathlib
import re
import statistics
import zipfile
from collections.abc import Callable, Iterable

import functions
import tls
from start import Start, start

PROJECT = pathlib.Path(__file__).parents[3]
PAGE = PROJECT / "docs/cold-start.md"
FUNCTIONS = (functions.counter, functions.query)
TABLES = ("size", "times")

ROWS: tuple[tuple[str, Callable[[Start], float]], ...] = (
    ("init: from process start to the first request for an event, ms", lambda one: one.init),
    ("its processor time, ms", lambda one: one.init_cpu),
    ("first invocation: from sending the event to the answer, ms", lambda one: one.invocations[0]),
    ("its processor time, ms", lambda one: one.cpu[0]),
    ("second invocation, ms", lambda one: one.invocations[1]),
    ("its processor time, ms", lambda one: one.cpu[1]),
    ("resident after init, MB", lambda one: one.rss_init_mb),
    ("resident after the first answer, MB", lambda one: one.rss_mb),
)


def size_table(folder: pathlib.Path) -> str:
    """The sizes of all deployed functions."""
    binaries = {path.parent.name: path for path in sorted(folder.glob("*/bootstrap"))}

    def zipped(binary: pathlib.Path) -> float:
        archive = io.BytesIO()
        # As SAM does.
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
            code.write(binary, "bootstrap")
        return len(archive.getvalue()) / 1e6

    rows = [
        ("binary, MB", *(f"{binary.stat().st_size / 1e6:.1f}" for binary in binaries.values())),
        ("zipped, MB", *(f"{zipped(binary):.1f}" for binary in binaries.values())),
    ]
    return table(("", *binaries), rows)


def time_table(starts: dict[str, list[Start]]) -> str:
    rows = []
    for what, value in ROWS:
        cells = (spread(value(one) for one in of_one) for of_one in starts.values())
        rows.append((what, *cells))
    count = min(len(of_one) for of_one in starts.values())
    return f"{table(('', *starts), rows)}\n\nMedian (90th percentile) of {count} starts. {machine()}"


def spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f} ({ordered[round(0.9 * (len(ordered) - 1))]:.1f})"


def machine() -> str:
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = model[1] if model else os.uname().machine
    busy = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {name}; load average afterwards {busy:.1f}."


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    rule = ("---",) + ("---:",) * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def measured(
    binaries: dict[str, pathlib.Path], front: tls.Front, count: int
) -> dict[str, list[Start]]:
    """Starts the functions in turn, so that other load affects both alike."""
    starts: dict[str, list[Start]] = {name: [] for name in binaries}
    # Round 0 fills the disk cache and starts the counter that the query calls.
    for round_ in range(count + 1):
        for function in (make(front) for make in FUNCTIONS):
            one = start(binaries[function.name], function.environment, function.events)
            function.check(one.answers)
            if round_ > 0:
                starts[function.name].append(one)
    return starts


def written(page: str, tables: dict[str, str]) -> str:
    """Returns the page with the tables between their markers."""
    for name, text in tables.items():
        pattern = re.compile(f"(<!-- cold:{name} -->\n).*?(<!-- /cold:{name} -->)", re.DOTALL)
        page, places = pattern.subn(lambda found: f"{found[1]}{text}\n{found[2]}", page)
        if places != 1:
            raise ValueError(f"the page has {places} places for {name}")
    return page


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=30, help="starts of each function (30)")
    parser.add_argument(
        "--binaries",
        type=pathlib.Path,
        default=PROJECT / "target/lambda",
        help="folder with counter/bootstrap and query/bootstrap (target/lambda)",
    )
    parser.add_argument("--write", action="store_true", help="write the tables into docs/cold-start.md")
    arguments = parser.parse_args()
    folder = arguments.binaries.resolve()
    binaries = {name: folder / name / "bootstrap" for name in ("counter", "query")}
    if arguments.write:
        # Fails early if the page lacks a marker.
        written(PAGE.read_text(), dict.fromkeys(TABLES, ""))
    with tls.front(functions.stack.STACK["awsEndpoint"], functions.ROOTS) as front:
        starts = measured(binaries, front, arguments.starts)
    tables = dict(zip(TABLES, (size_table(folder), time_table(starts))))
    print("\n\n".join(tables.values()))
    if arguments.write:
        PAGE.write_text(written(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
