"""Real Git repositories, and a real server of them (git-http-backend) on loopback."""

import os
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@example.org", "GIT_COMMITTER_NAME": "T",
    "GIT_COMMITTER_EMAIL": "t@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **_IDENTITY}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str | bytes]) -> str:
    """The commit's id; the repository is made if there is none."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--initial-branch", "main")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Change")
    return git(folder, "rev-parse", "HEAD")


def git_server(root: Path, seen: list[str | None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Serves the repositories below `root`, and notes what each request says of authorization."""
    backend = Path(git(root, "--exec-path")) / "git-http-backend"

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        path, _, query = handler.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": handler.command, "GIT_CONFIG_GLOBAL": "/dev/null",
            "CONTENT_TYPE": handler.headers["Content-Type"] or "", "HOME": str(root),
            "HTTP_CONTENT_ENCODING": handler.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": handler.headers["Git-Protocol"] or "",
        }  # fmt: skip
        body = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        done = subprocess.run([backend], input=body, env=environment, capture_output=True, check=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        handler.send_response(int(headers.pop("Status", "200").split(" ")[0]))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        handler.wfile.write(rest)

    return respond
