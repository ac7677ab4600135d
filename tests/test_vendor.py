"""Vendored scripts are what their manifest says, and the manifest misses none."""

import hashlib
import json
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "static" / "vendor"


def test_every_vendored_file_is_the_published_one() -> None:
    manifest = json.loads((VENDOR / "MANIFEST.json").read_text())
    files = {path.name for path in VENDOR.iterdir()} - {"MANIFEST.json"}
    assert set(manifest) == files
    for name, entry in manifest.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert {"package", "version", "source", "licence"} <= set(entry), name
