"""Starts the conforming provider of provider.mjs; its packages are installed the first time."""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
SECRET = "of-the-client-0123456789"
PEOPLE = {
    "00u-alice": {
        "preferred_username": "alice",
        "given_name": "Alice",
        "name": "Alice Example",
        "email": "alice@example.com",
        "groups": ["staff", "engineering"],
    },
    "00u-boss": {"preferred_username": "boss", "groups": ["chatapp-admins"]},
}


def install() -> None:
    """`npm ci` with the pinned versions; needs no more than npm on the path."""
    with (HERE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Of several test processes one installs.
        if not (HERE / "node_modules" / ".package-lock.json").exists():
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=300)


class IdentityServer:
    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def control(self, action: str, **body: Any) -> None:
        httpx.post(f"{self.issuer}/control/{action}", json=body, timeout=30).raise_for_status()

    def agree(self, browser: httpx.Client, address: str, login: str) -> str:
        """What a person's browser does from the authorization request to the way back; gives that address."""
        for _ in range(10):
            response = browser.get(address)
            if response.status_code == httpx.codes.OK:
                response = browser.post(str(response.url), data={"login": login})
            address = str(httpx.URL(address).join(response.headers["Location"]))
            if not address.startswith(self.issuer):
                return address
        raise AssertionError(address)


@contextmanager
def serve(base: str, **options: Any) -> Iterator[IdentityServer]:
    install()
    told = {"base": base, "people": PEOPLE, "secret": SECRET, **options}
    program = ["node", "provider.mjs", json.dumps(told)]
    with subprocess.Popen(program, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield IdentityServer(process.stdout.readline().strip())
        finally:
            process.kill()
