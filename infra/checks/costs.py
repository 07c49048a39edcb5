"""What calls cost, from the capacity that the tests measured: writes the tables of docs/operations.md and of BENCHMARKS.md anew
(`make costs`).

A test compares them, so that they cannot go stale.
"""

import json
import re
from typing import NamedTuple

from transform import ROOT, read, transform

MANUAL = ROOT / "docs/operations.md"
BENCHMARKS = ROOT / "BENCHMARKS.md"
MEASURED = ROOT / "tests/tests/licences/snapshots"
DESCRIPTION = ROOT / "openapi.json"

# Dollars in us-east-1, without free tiers.
PRICES = {
    "a million read units": 0.125,
    "a million write units": 0.625,
    "a million requests to the HTTP API": 1.00,
    "a million invocations of a function": 0.20,
    "a gigabyte-second of a function (x86_64)": 0.0000166667,
    "a million records through the pipe": 0.40,
    "a million messages published": 0.50,
    "a million requests to queues": 0.40,
    "a thousand mails": 0.10,
    "an alarm's metric, a month": 0.10,
    "a dashboard, a month": 3.00,
    "a secret, a month": 0.40,
    "a gigabyte of logs": 0.50,
    "a gigabyte in the table, a month": 0.25,
    "a gigabyte of recovery, a month": 0.20,
}

# The calls that make up a bill; the snapshots have all.
CALLS = [
    "sign-in", "refresh", "me", "accept an invitation", "ask for a new password", "choose it",
    "list of 50", "get one", "add-user", "add-user, licence, invited", "edit-user", "invite 1", "invite 50", "resend 50",
    "assign 50", "activate-licence", "suspend 50, a licence each", "delete 50", "products", "overview", "start-export",
    "audit, a page of 50",
]  # fmt: skip

# What shall be consumed at most, in write units.
AIMS = {"an imported user": 7, "an unchanged row": 0.01}

# Megabytes and milliseconds that are assumed of a call: the time is no measurement.
ORDINARY, HASHING = (256, 50), (1769, 100)
HASHES = {"sign-in", "accept an invitation", "choose it"}

# A month of a company of a thousand people, by call.
MONTH = {
    "sign-in": 4_000, "refresh": 40_000, "me": 20_000, "list of 50": 20_000, "get one": 10_000, "edit-user": 2_000,
    "invite 1": 200, "accept an invitation": 150, "activate-licence": 1_000, "overview": 5_000,
    "audit, a page of 50": 500,
}  # fmt: skip
MAILS = 600


class Measured(NamedTuple):
    """What a call consumed, or a worker for one of many; the operation is `-` where there is none."""

    call: str
    operation: str
    reads: float
    writes: float


def rows() -> list[Measured]:
    """All that was measured."""
    row = re.compile(r"^(.+?)\s{2,}(\S+)\s+([\d.]+)\s+([\d.]+)$", re.MULTILINE)
    return [
        Measured(call, operation, float(reads), float(writes))
        for snapshot in sorted(MEASURED.glob("licences__capacity__capacity*.snap"))
        for call, operation, reads, writes in row.findall(snapshot.read_text())
    ]


def measured() -> dict[str, tuple[float, float]]:
    """The read and write units of each call."""
    return {row.call: (row.reads, row.writes) for row in rows()}


def operations() -> set[str]:
    """The operations of the API."""
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return {operation["operationId"] for path in paths.values() for operation in path.values()}


def of_table(reads: float, writes: float) -> float:
    """Dollars that a million calls cost at the table."""
    return reads * PRICES["a million read units"] + writes * PRICES["a million write units"]


def of_function(call: str) -> float:
    """Dollars that a million calls cost at API and function."""
    megabytes, milliseconds = HASHING if call in HASHES else ORDINARY
    seconds = PRICES["a gigabyte-second of a function (x86_64)"] * megabytes / 1024 * milliseconds / 1000 * 1_000_000
    return PRICES["a million requests to the HTTP API"] + PRICES["a million invocations of a function"] + seconds


def of_mail() -> float:
    """Dollars of a mail: SES, its record through pipe, topic and queue (sent, received, deleted), its worker."""
    path = (
        PRICES["a million records through the pipe"]
        + PRICES["a million messages published"]
        + 3 * PRICES["a million requests to queues"]
        + of_function("send-mail")
        - PRICES["a million requests to the HTTP API"]
    )
    return PRICES["a thousand mails"] / 1000 + path / 1_000_000


def standing() -> list[tuple[str, float]]:
    """What is to pay each month though nobody comes."""
    resources = transform(read(ROOT / "infra/template.yaml"))["Resources"].values()
    alarms = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(max(1, sum("MetricStat" in query for query in alarm.get("Metrics", []))) for alarm in alarms)
    count = {kind: sum(resource["Type"] == kind for resource in resources) for kind in ("AWS::SecretsManager::Secret", "AWS::CloudWatch::Dashboard")}
    return [
        (f"{len(alarms)} alarms of {metrics} metrics", metrics * PRICES["an alarm's metric, a month"]),
        (f"{count['AWS::SecretsManager::Secret']} secrets", count["AWS::SecretsManager::Secret"] * PRICES["a secret, a month"]),
        ("the dashboard (the account's first three are free)", count["AWS::CloudWatch::Dashboard"] * PRICES["a dashboard, a month"]),
    ]


def tables() -> str:
    """The tables."""
    calls = measured()
    lines = ["| a million of these calls | read units | write units | table, $ | API and function, $ | together, $ |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for call in CALLS:
        reads, writes = calls[call]
        table, function = of_table(reads, writes), of_function(call)
        lines.append(f"| {call} | {reads:g} | {writes:g} | {table:.2f} | {function:.2f} | {table + function:.2f} |")
    lines += ["", f"A mail costs ${of_mail():.6f}, most of it SES's.", "", "| a month | $ |", "| --- | ---: |"]
    month = sum(count * (of_table(*calls[call]) + of_function(call)) / 1_000_000 for call, count in MONTH.items())
    total = sum(MONTH.values())
    rows = [
        *standing(),
        (f"a company of 1,000 people: {total:,} calls as below", month),
        (f"its {MAILS} mails", MAILS * of_mail()),
    ]
    lines += [f"| {what} | {dollars:.2f} |" for what, dollars in rows]
    lines += ["", "The calls: " + ", ".join(f"{call} {count:,}" for call, count in MONTH.items()) + ".", ""]
    lines += ["| price of | $ |", "| --- | ---: |"]
    lines += [f"| {what} | {price:.10f}".rstrip("0").rstrip(".") + " |" for what, price in PRICES.items()]
    return "\n".join(lines)


def capacity() -> str:
    """The section on what everything consumes."""
    lines = [
        "## Capacity",
        "",
        "Read and write units of the table and its indexes, as snapshots of the tests pin them, and what a million come to in us-east-1 by the",
        "prices in [docs/operations.md](docs/operations.md#what-it-costs), where their source stands: of the table alone, and with API and function, whose time is assumed.",
        "A list is a page of 50. What workers do is told for one of a thousand; an imported user has address, names, phone and employee number.",
        "",
        "| call | operation | read units | write units | table, $ | with API and function, $ |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows():
        table = of_table(row.reads, row.writes)
        together = "" if row.operation == "-" else f"{table + of_function(row.call):.2f}"
        operation = "" if row.operation == "-" else f"`{row.operation}`"
        lines.append(f"| {row.call} | {operation} | {row.reads:g} | {row.writes:g} | {table:.2f} | {together} |")
    lines += ["", "| aim | write units | measured | |", "| --- | ---: | ---: | --- |"]
    calls = measured()
    for call, most in AIMS.items():
        writes = calls[call][1]
        lines.append(f"| {call} | ≤ {most:g} | {writes:g} | {'met' if writes <= most else '**missed**'} |")
    return "\n".join(lines)


def replaced(text: str, name: str, begin: str, content: str) -> str:
    """A text with this between its marks, which are put at its end where there are none."""
    before, found, rest = text.partition(begin)
    after = rest.partition(f"<!-- /{name} -->\n")[2]
    if not found:
        before += "\n"
    return f"{before}{begin}{content}\n<!-- /{name} -->\n{after}"


def written(manual: str) -> str:
    """The manual with the tables in it."""
    return replaced(manual, "costs", "<!-- costs: written by make costs -->\n", f"\n{tables()}\n")


def benchmarked(benchmarks: str) -> str:
    """The benchmarks with the section in them."""
    return replaced(benchmarks, "capacity", "<!-- capacity -->\n", capacity())


if __name__ == "__main__":
    MANUAL.write_text(written(MANUAL.read_text()))
    BENCHMARKS.write_text(benchmarked(BENCHMARKS.read_text()))
