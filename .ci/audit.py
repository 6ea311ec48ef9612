"""Audit the installed packages for known vulnerabilities: `python .ci/audit.py`, a step of `make check`.

It asks two advisory services with their ordinary clients, pip-audit and npm. If a service can't be reached, the audit
prints NOT AUDITED with the reason and succeeds. So a machine without network can still run the checks. With
E1_AUDIT=require it fails instead. A known vulnerability always fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 180
OWN = ("e1-client", "e1-service")


@dataclass
class Report:
    """The result of one client. `reason` explains why packages were left out, if any were."""

    what: str
    audited: int = 0
    left_out: int = 0
    holes: list[str] = field(default_factory=list)
    reason: str = ""

    def line(self) -> str:
        if self.holes:
            return f"dependency audit, {self.what}: {len(self.holes)} KNOWN HOLES in {self.audited} packages"
        if not self.audited:
            return f"dependency audit, {self.what}: NOT AUDITED: {self.reason or 'the service gave no answer'}"
        left = f"; {self.left_out} NOT AUDITED: {self.reason}" if self.left_out else ""
        return f"dependency audit, {self.what}: {self.audited} packages, no known hole{left}"


def python_report(text: str) -> Report:
    """Read pip-audit's JSON. Packages that its service doesn't know count as left out, not as passed."""
    report = Report("python")
    try:
        packages = [one for one in json.loads(text)["dependencies"] if one["name"] not in OWN]
    except (ValueError, KeyError):
        report.reason = "pip-audit gave no report"
        return report
    for package in packages:
        if reason := package.get("skip_reason"):
            report.left_out += 1
            report.reason = report.reason or reason
            continue
        report.audited += 1
        for hole in package["vulns"]:
            fixed = ", ".join(hole["fix_versions"]) or "no version"
            report.holes.append(f"{package['name']} {package['version']}: {hole['id']}, fixed in {fixed}")
    return report


def npm_report(text: str) -> Report:
    """Read the output of `npm audit --json`. Vulnerabilities below moderate don't count."""
    report = Report("npm")
    try:
        said = json.loads(text)
    except ValueError:
        report.reason = "npm gave no report"
        return report
    if "metadata" not in said:
        report.reason = str(said.get("message") or said.get("error", {}).get("summary") or "npm gave no report")
        report.reason = report.reason.split(" - ")[0]  # an address follows
        return report
    report.audited = said["metadata"]["dependencies"]["total"]
    for name, hole in said["vulnerabilities"].items():
        if hole["severity"] in ("moderate", "high", "critical"):
            report.holes.append(f"{name} {hole['range']}: {hole['severity']}")
    return report


def output_of(*command: str) -> str:
    """Return what a command prints, with any exit status; empty if it takes too long or doesn't exist."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return ""
    return done.stdout


def main() -> int:
    pip = (sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off")
    npm = ("sh", "frontend/npm.sh", str(Path(sys.prefix)), "audit", "--json")
    reports = [python_report(output_of(*pip)), npm_report(output_of(*npm))]
    for report in reports:
        print("\n".join([report.line(), *(f"  {hole}" for hole in report.holes)]))
    required = os.environ.get("E1_AUDIT") == "require"
    return int(any(r.holes or (required and (r.left_out or not r.audited)) for r in reports))


if __name__ == "__main__":
    sys.exit(main())
