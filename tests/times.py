"""Where the time of a test run goes: seconds by folder, and the slowest tests."""

from __future__ import annotations

from collections import defaultdict

import pytest

SLOWEST = 8


class Times:
    """A plugin of pytest that adds up the seconds of each test and prints them at the end."""

    def __init__(self) -> None:
        #: By test: seconds of set-up (with the fixtures that it is the first to need) and in all.
        self.setup: dict[str, float] = defaultdict(float)
        self.total: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of a test's set-up, call or tear-down."""
        self.total[report.nodeid] += report.duration
        if report.when == "setup":
            self.setup[report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the folders and the slowest tests."""
        terminalreporter.section("where the time goes")
        for folder, (tests, seconds) in self.folders().items():
            terminalreporter.line(f"{seconds:7.1f} s  {tests:5} tests  {folder}")
        terminalreporter.line(f"the {SLOWEST} slowest tests, with the set-up of their fixtures:")
        for test in sorted(self.total, key=self.total.__getitem__, reverse=True)[:SLOWEST]:
            seconds, setup = self.total[test], self.setup[test]
            terminalreporter.line(f"{seconds:7.1f} s  {setup:5.1f} s of set-up  {test}")

    def folders(self) -> dict[str, tuple[int, float]]:
        """Return the number of tests and their seconds by folder, the slowest first."""
        found: dict[str, list[float]] = defaultdict(list)
        for test, seconds in self.total.items():
            found["/".join(test.split("::")[0].split("/")[:-1][:2])].append(seconds)
        spent = {folder: (len(each), sum(each)) for folder, each in found.items()}
        return dict(sorted(spent.items(), key=lambda item: -item[1][1]))
