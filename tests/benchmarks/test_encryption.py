"""The benchmark of encryption measures what it says: three ways, each giving back its text, and their ratios."""

import json
import subprocess
import sys

from chatapp.runtime.files import CHECKOUT


def test_it_prints_a_table_and_one_object_last() -> None:
    command = [sys.executable, "-m", "benchmarks.encryption", "--rounds", "1"]
    output = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert output[0].startswith("| characters | way |")
    found = json.loads(output[-1])
    assert (found["benchmark"], list(found["lengths"])) == ("encryption", ["200", "2000", "20000"])
    for figures in found["lengths"].values():
        assert set(figures) == {"plain", "aes_gcm", "fernet", "ratios"}
        ours = figures["aes_gcm"]
        assert figures["ratios"] == {
            "row_to_plain": ours["row"] / figures["plain"]["row"],
            "row_to_fernet": ours["row"] / figures["fernet"]["row"],
            "alone_to_fernet": ours["alone"] / figures["fernet"]["alone"],
        }
