"""Runs `git`, for repositories of strangers: no hooks, filters, submodules, prompts, configuration or other protocols.

Files are read from the object store and never checked out, so that no filter (LFS, smudge) and no link can do anything.
"""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from chatapp.guarded import resolve
from chatapp.retrieval.connectors.base import SourceError
from chatapp.retrieval.fetching import GUARD, complain_of

_MAX_FILE = 1024**3  # of a pack, in bytes
_SECONDS = 300
_CPU_SECONDS = 600
# They have the last word over what a repository's own configuration says.
_FIXED = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "credential.helper": "",
    "http.followRedirects": "false",
    "http.proxy": "",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.version": "2",
    "gc.auto": "0",
    "safe.directory": "*",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "true",
}


class GitError(SourceError):
    pass


def run_git(*arguments: str, folder: Path | None = None, remote: str = "", token: str = "") -> bytes:
    """What it prints. `remote` is the one URL that it may connect to. Raises GitError."""
    options = _FIXED | (_pinned(remote) if remote else {})
    if token:
        options["http.extraHeader"] = f"Authorization: Basic {token}"
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [_git(), *(["--git-dir", str(folder)] if folder else []), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(home, options, protocol=urlsplit(remote).scheme if remote else "none"),
        )
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (_MAX_FILE, _MAX_FILE))
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        try:
            code = child.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # with the helpers that talk to the server
            child.wait()
            raise GitError("Git takes too long.") from None
        if code:
            raise GitError("Git cannot read the repository: check its address, its branch and the token.")
        output.seek(0)
        return output.read()


def _git() -> str:
    """Raises GitError."""
    if found := shutil.which("git"):
        return found
    raise GitError("Git is not installed on the worker.")


def _environment(home: str, options: dict[str, str], *, protocol: str) -> dict[str, str]:
    """Options come by the environment: unlike arguments, no other user of the machine sees them (and the token)."""
    numbered: dict[str, str] = {}
    for number, (key, value) in enumerate(options.items()):
        numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": str(len(options)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        **numbered,
    }


def _pinned(url: str) -> dict[str, str]:
    """Git's own connection goes to the address that was judged. Raises GitError."""
    if complaint := complain_of(url):
        raise GitError(f"The address is not allowed. {complaint}")
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = str(resolve(GUARD, host, port)[0][4][0])
    except PermissionError:
        raise GitError("The address is not allowed. The name leads to no allowed address.") from None
    except OSError:
        raise GitError("The name of the server is not known.") from None
    return {"http.curloptResolve": f"{host}:{port}:{f'[{address}]' if ':' in address else address}"}
