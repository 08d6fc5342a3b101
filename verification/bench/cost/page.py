"""Computes docs/cost.md's tables from inputs.py and prices.py, and writes them between its markers.

    python verification/bench/cost/page.py           writes
    python verification/bench/cost/page.py --check   fails if the page differs"""

import argparse
import pathlib
import re
import sys

import costs
import inputs
import prices
from costs import MILLION, PLAIN, ROWS, networks, proxy, sweeps, watching, ways
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[3]
PAGE = PROJECT / "docs/cost.md"
TEMPLATE = PROJECT / "template.yaml"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    rule = ("---",) + ("---:",) * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def dollars(amount: float) -> str:
    """Formats dollars in cents, halves rounded up: 0.625 is 0.63."""
    return f"{amount + 1e-9:,.2f}"


def requests_table(which: str) -> str:
    columns = [way for way in ways() if which == "rejected" or way.name != PLAIN]
    costs = [getattr(way, which) for way in columns]
    rows = [(row, *(dollars(cost[row]) if row in cost else "" for cost in costs)) for row in ROWS]
    total = ("**together**", *(f"**{dollars(sum(cost.values()))}**" for cost in costs))
    used = [row for row in rows if any(row[1:])]
    return table((f"a million {which}, $", *(way.name for way in columns)), [*used, total])


def month_table() -> str:
    parts = watching()
    rows = [(name, dollars(amount)) for name, amount in parts.items()]
    return table(("a month, $", ""), [*rows, ("**together**", f"**{dollars(sum(parts.values()))}**")])


def network_table() -> str:
    rows = [(name, how, dollars(amount)) for name, (how, amount) in networks().items()]
    return table(("network", "", "a month, $"), rows).replace("---: | ---:", "--- | ---:", 1)


def database_table() -> str:
    classes = yaml_parse(TEMPLATE.read_text())["Mappings"]["InstanceClasses"]
    rows = []
    for name in inputs.VCPUS:
        mysql = classes[name]["MySQL"]
        cost = costs.database(name, mysql)
        parts = (cost.hours, cost.storage, cost.extended_support)
        rows.append((name, mysql, *map(dollars, parts), f"**{dollars(cost.together)}**"))
    head = ("class", "MySQL", "instance, $ a month", f"{inputs.STORAGE_GB} GB", "Extended Support", "together")
    return table(head, rows)


def rounded(count: float) -> str:
    """Rounds to two significant digits, which is what the inputs allow."""
    return f"{float(f'{count:.2g}') / MILLION:,.1f} million"


def break_even(fixed: float, per_million: float) -> str:
    left = proxy() - fixed
    return rounded(left / per_million * MILLION) if left > 0 else "none: dearer by itself"


def break_even_table() -> str:
    counter, _, direct, _ = ways()
    network = {name: amount for name, (_, amount) in networks().items()}
    by_hour = {
        "through the counter, interface endpoints": (
            counter, network["interface endpoints, through the counter"]),
        "direct mode, interface endpoint": (direct, network["interface endpoint, direct mode"]),
        "through the counter, egress-only or no VPC": (counter, network["egress-only gateway"]),
        "direct mode, egress-only or no VPC": (direct, network["egress-only gateway"]),
    }  # fmt: skip
    watched = sum(watching().values())
    rows = [
        (
            name,
            dollars(hourly + watched),
            break_even(hourly + watched, way.dollars_admitted),
            break_even(hourly + watched, way.dollars_rejected),
            break_even(hourly + sweeps(), way.dollars_admitted),
        )
        for name, (way, hourly) in by_hour.items()
    ]
    head = ("", "fixed, $ a month", "all admitted", "all rejected", "all admitted, nothing watched")
    return table(head, rows)


def price_table() -> str:
    def amount(price: prices.Price) -> str:
        return f"{price.dollars * MILLION:g} a million" if price.dollars < 1e-3 else f"{price.dollars:g}"

    rows = [(p.unit, amount(p), f"[{p.page.split('/')[3]}]({p.page})", p.seen) for p in prices.ALL]
    return table(("one", "$", "AWS's page", "seen"), rows).replace("---: | ---: | ---:", "---: | --- | ---")


def input_table() -> str:
    return table(
        ("a line of the log, bytes", ""),
        [(f"`{name}`", str(size)) for name, size in inputs.BYTES.items()]
        + [("Lambda's own three lines", f"{inputs.invocation():.0f}, with 26 for each")],
    )


def tables() -> dict[str, str]:
    return {
        "admitted": requests_table("admitted"),
        "rejected": requests_table("rejected"),
        "month": month_table(),
        "network": network_table(),
        "database": database_table(),
        "proxy": f"{inputs.PROXY_VCPUS} × {prices.PROXY_VCPU_HOUR.dollars} × {inputs.HOURS} h = "
        f"**${dollars(proxy())} a month**",
        "break-even": break_even_table(),
        "inputs": input_table(),
        "prices": price_table(),
    }


def written(page: str) -> str:
    """Returns the page with its tables recomputed."""
    for name, text in tables().items():
        pattern = re.compile(f"(<!-- cost:{name} -->\n).*?(<!-- /cost:{name} -->)", re.DOTALL)
        page, count = pattern.subn(lambda found: f"{found[1]}{text}\n{found[2]}", page)
        if count != 1:
            raise ValueError(f"the page has {count} places for {name}")
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page differs")
    arguments = parser.parse_args()
    old = PAGE.read_text()
    new = written(old)
    if arguments.check:
        if new != old:
            print("docs/cost.md differs from the result of verification/bench/cost/page.py", file=sys.stderr)
        return int(new != old)
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
