"""`python -m tests.security.supply`: known vulnerabilities of the pinned packages, and what the product is made of.

The bill of materials (CycloneDX) is written to test-results/sbom.cdx.json. Where the advisories cannot be reached this
says so and goes on: a build must not depend on somebody else's server. A vulnerability that is found fails.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from chatapp.runtime.files import CHECKOUT

BILL = CHECKOUT / "test-results" / "sbom.cdx.json"
_SECONDS = 180
_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)$")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A known vulnerability that does not concern the product, looked at again after `until`."""

    reason: str
    until: date


ACCEPTED: dict[str, Accepted] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    lines: tuple[str, ...]
    passes: bool


def pins() -> dict[str, str]:
    """By name: the version of each package that the files pin. ValueError for a line that pins none exactly."""
    found = {}
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        for raw in (CHECKOUT / name).read_text().splitlines():
            line = raw.partition("#")[0].partition(";")[0].strip()
            if not line or line.startswith("-r "):
                continue
            if not (pin := _PIN.match(line)):
                message = f"{name}: {line} pins no version"
                raise ValueError(message)
            found[pin[1].lower().replace("_", "-")] = pin[2]
    return found


def judge(report: dict[str, Any] | None, *, accepted: dict[str, Accepted], today: date) -> Verdict:
    """`report` as pip-audit writes it; None when the advisories could not be reached."""
    packages = report["dependencies"] if report else []
    looked_at = [package for package in packages if "vulns" in package]
    if not looked_at:
        return Verdict(("Not audited: the advisories cannot be reached from here.",), passes=True)
    lines = [f"Audited: {len(looked_at)} of {len(packages)} packages."]
    passes = True
    for package in looked_at:
        for found in package["vulns"]:
            known = next((accepted[name] for name in (found["id"], *found["aliases"]) if name in accepted), None)
            holds = known is not None and today <= known.until
            passes = passes and holds
            why = f"accepted until {known.until}: {known.reason}" if known else "not accepted"
            lines.append(f"{found['id']} in {package['name']} {package['version']} ({why})")
    return Verdict(tuple(lines), passes=passes)


def audit(names: Iterable[tuple[str, str]]) -> dict[str, Any] | None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(f"{name}=={version}" for name, version in names))
        file.flush()
        options = ("--no-deps", "--disable-pip", "--timeout", "10", "--progress-spinner", "off", "-f", "json")
        try:
            done = _run("pip_audit", "-r", file.name, *options)
            report: dict[str, Any] = json.loads(done.stdout)
        except (ValueError, subprocess.TimeoutExpired):
            return None
    return report


def write_bill() -> int:
    """The number of components in it. CalledProcessError says what cyclonedx-py refused."""
    BILL.parent.mkdir(exist_ok=True)
    options = ("--output-reproducible", "--of", "JSON", "-o", str(BILL))
    _run("cyclonedx_py", "environment", *options, sys.executable).check_returncode()
    return len(json.loads(BILL.read_text())["components"])


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=CHECKOUT)


def main() -> int:
    verdict = judge(audit(pins().items()), accepted=ACCEPTED, today=datetime.now(UTC).date())
    told = [*verdict.lines, f"{BILL.relative_to(CHECKOUT)}: {write_bill()} components"]
    sys.stdout.write("\n".join(told) + "\n")
    return 0 if verdict.passes else 1


if __name__ == "__main__":
    sys.exit(main())
