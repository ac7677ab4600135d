"""Below a path of a shared host, whether the proxy in front cuts it off or not: pages, files, cookies, API, socket."""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from chatapp.runtime.files import CHECKOUT
from chatapp.sub_path import SubPath

# Django reads these settings once, so the application below the path is a process of its own.
_ASK = """
import asyncio, json, sys
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
settings.ALLOWED_HOSTS = ["testserver"]
from chatapp.asgi import application
from tests.sockets import SocketClient

async def get(path, headers=()):
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "http_version": "1.1",
             "headers": [(b"host", b"testserver"), *headers], "client": ["127.0.0.1", 1], "server": ["testserver", 80]}
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": b""})
    start = await asked.receive_output(20)
    body = b""
    while True:
        part = await asked.receive_output(20)
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    found = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
    return {"status": start["status"], "headers": found, "body": body.decode(errors="replace")}

async def main():
    said = {path: await get(path) for path in json.loads(sys.argv[1])}
    socket = SocketClient(application, sys.argv[2], [(b"host", b"testserver"), (b"origin", b"http://testserver")])
    # Nobody is signed in: the consumer itself refuses, which it can only do where the path leads to it.
    assert not await socket.connect()
    print(json.dumps(said))

asyncio.run(main())
"""


def ask(*paths: str, socket: str) -> dict[str, Any]:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    changes = {"ROOT_PATH": "/chatapp", "DATABASE_URL": database.geturl(), "DJANGO_SETTINGS_MODULE": "chatapp.settings"}
    done = subprocess.run(
        [sys.executable, "-c", _ASK, json.dumps(paths), socket],
        cwd=CHECKOUT,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.django_db
@pytest.mark.parametrize("prefix", ["", "/chatapp"])
def test_everything_names_the_path_whether_the_proxy_cuts_it_off_or_not(prefix: str) -> None:
    pages = [f"{prefix}/accounts/login/", f"{prefix}/knowledge/", f"{prefix}/api/v1/nothing", f"{prefix}/livez"]
    login, knowledge, api, live = ask(*pages, socket=f"{prefix}/ws/").values()
    assert (login["status"], knowledge["status"], live["status"]) == (200, 302, 200)
    headers = dict(knowledge["headers"])
    assert headers["location"] == "/chatapp/accounts/login/?next=/chatapp/knowledge/"
    cookies = [value for name, value in login["headers"] if name == "set-cookie"]
    assert cookies
    assert all("Path=/chatapp/" in cookie for cookie in cookies)
    assert 'src="/chatapp/static/' in login["body"]
    assert 'action="/chatapp/accounts/login/"' in login["body"]
    assert '<meta name="root" content="/chatapp/">' in login["body"]
    assert '"/static/' not in login["body"]
    assert json.loads(api["body"])["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "path, seen",
    [
        ("/knowledge/", "/chatapp/knowledge/"),
        ("/chatapp/knowledge/", "/chatapp/knowledge/"),
        ("/chatapp", "/chatapp/"),
        ("/chatapps/x", "/chatapp/chatapps/x"),
        ("/", "/chatapp/"),
    ],
)
async def test_the_application_sees_the_whole_path(path: str, seen: str) -> None:
    scopes: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], *_: Any) -> None:
        scopes.append(scope)

    await SubPath(application, "/chatapp")({"type": "http", "path": path}, None, None)
    assert (scopes[0]["path"], scopes[0]["root_path"]) == (seen, "/chatapp")
