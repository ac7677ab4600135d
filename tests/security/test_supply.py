"""What the product is made of: pinned, licensed for use in a company, and audited."""

import re
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution, metadata
from typing import Any

import pytest

from tests.security.supply import Accepted, judge, pins

TODAY = date(2026, 11, 29)
# Their source would have to be given to whoever uses the product over the network.
FORBIDDEN = re.compile(r"AGPL|Affero|SSPL|Server Side Public|Commons Clause|Business Source", re.IGNORECASE)


def report(*vulnerabilities: str) -> dict[str, Any]:
    found = [{"id": name, "aliases": ["CVE-2026-1"], "fix_versions": []} for name in vulnerabilities]
    skipped = {"name": "torch", "skip_reason": "not found"}
    return {"dependencies": [{"name": "django", "version": "1", "vulns": found}, skipped]}


def test_every_package_is_pinned_and_installed_as_pinned() -> None:
    wrong = {}
    for name, version in pins().items():
        try:
            installed = distribution(name).version.partition("+")[0]
        except PackageNotFoundError:
            continue  # of another platform or Python
        if installed != version:
            wrong[name] = installed
    assert len(pins()) > 100
    assert wrong == {}


def test_no_licence_asks_for_the_source_of_a_service() -> None:
    wrong = []
    for name in pins():
        try:
            about = metadata(name).json
        except PackageNotFoundError:
            continue
        classifiers = [one for one in about.get("classifier", []) if one.startswith("License ::")]
        licences = [about.get("license_expression", ""), about.get("license", "")[:200], *classifiers]
        if FORBIDDEN.search(" ".join(map(str, licences))):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize(
    "unreachable", [None, {"dependencies": []}, {"dependencies": [{"name": "x", "skip_reason": ""}]}]
)
def test_where_no_advisory_is_reached_the_audit_says_so_and_passes(unreachable: dict[str, Any] | None) -> None:
    verdict = judge(unreachable, accepted={}, today=TODAY)
    assert verdict.passes
    assert verdict.lines[0].startswith("Not audited")


def test_a_vulnerability_fails_unless_it_was_looked_at_lately() -> None:
    lately, long_ago = Accepted("not used", date(2026, 12, 1)), Accepted("not used", date(2026, 11, 1))
    assert judge(report(), accepted={}, today=TODAY).passes
    assert not judge(report("PYSEC-1"), accepted={}, today=TODAY).passes
    assert judge(report("PYSEC-1"), accepted={"PYSEC-1": lately}, today=TODAY).passes
    assert judge(report("PYSEC-1"), accepted={"CVE-2026-1": lately}, today=TODAY).passes
    assert not judge(report("PYSEC-1"), accepted={"PYSEC-1": long_ago}, today=TODAY).passes
