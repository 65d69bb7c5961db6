"""For the whole suite: live tests run last, and what they measured is shown as tables before the summary."""

from __future__ import annotations

import json
import signal
from collections import defaultdict

import pytest

ROW = "table row"
"""The name under which a test's user_properties hold one row of a table, as JSON: [table, {column: value}]."""


def pytest_configure() -> None:
    # A shell's background job has it ignored, and so would have every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("live") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tables: dict[str, list[dict[str, str]]] = defaultdict(list)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == ROW:
                        table, row = json.loads(value)
                        tables[table].append(row)
    for table, rows in sorted(tables.items()):
        terminalreporter.section(table)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [columns, *sorted([row.get(column, "") for column in columns] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        for line in lines:
            words = (word.ljust(width) for word, width in zip(line, widths, strict=True))
            terminalreporter.write_line("  ".join(words).rstrip())
