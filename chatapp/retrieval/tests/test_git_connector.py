"""Real repositories: a checkout below an allowed folder, and a clone over HTTP from a server on loopback."""

import base64
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatapp.accounts.models import AuditEvent
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.connectors.git import clone_folder
from chatapp.retrieval.models import Collection, Document
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.connecting import connect, counts, names, sync
from chatapp.retrieval.tests.repositories import commit, git, git_server
from chatapp.retrieval.tests.serving import Servers, answer, servers
from tests.listener import Listener

pytestmark = pytest.mark.django_db
FILES: dict[str, str | bytes] = {"README.md": "# Handbook", "docs/a.md": "A.", "docs/b.txt": "B.", "code.py": "pass"}


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    settings.CONNECTOR_FOLDERS = [tmp_path / "repositories"]
    settings.CONNECTOR_CACHE_DIR = tmp_path / "clones"
    settings.CONNECTOR_ALLOWED_HOSTS = {"127.0.0.1", "localhost"}
    (tmp_path / "repositories").mkdir()
    return tmp_path / "repositories"


@pytest.fixture
def running() -> Iterator[Servers]:
    with servers() as started:
        yield started


def test_a_checkout_is_read_at_its_commit(people: People, notes: Collection, root: Path) -> None:
    first = commit(root / "handbook", FILES)
    handbook = connect(people.ada, notes, "git", repository=str(root / "handbook"))
    run = sync(handbook)
    assert counts(run) == ("complete", 3, 0, 0, 0, 0)
    assert run.revision == first
    assert names(notes) == {"README.md", "docs/a.md", "docs/b.txt"}
    (root / "handbook" / "docs" / "a.md").write_text("not committed")
    assert counts(sync(handbook, people.ada)) == ("complete", 0, 0, 3, 0, 0)
    (root / "handbook" / "docs" / "b.txt").unlink()
    second = commit(root / "handbook", {"docs/c.md": "C."})
    run = sync(handbook, people.ada)
    assert counts(run) == ("complete", 1, 1, 1, 1, 0)
    assert run.revision == second


def test_a_repository_is_cloned_and_read_by_branch(
    people: People, notes: Collection, root: Path, running: Servers
) -> None:
    commit(root / "handbook", FILES)
    git(root / "handbook", "switch", "--quiet", "--create", "draft")
    commit(root / "handbook", {"draft.md": "Draft."})
    git(root / "handbook", "switch", "--quiet", "main")
    seen: list[str | None] = []
    url = running.start(git_server(root, seen)) + "/handbook/.git"
    handbook = connect(people.ada, notes, "git", repository=url, secret="token-1")
    assert counts(sync(handbook)) == ("complete", 3, 0, 0, 0, 0)
    assert set(seen) == {"Basic " + base64.b64encode(b"x-access-token:token-1").decode()}
    draft = connect(people.ada, notes, "git", name="Draft", repository=url, branch="draft", include="draft.md")
    assert counts(sync(draft)) == ("complete", 1, 0, 0, 0, 0)
    asked = len(seen)
    assert counts(sync(handbook, people.ada)) == ("complete", 0, 0, 3, 0, 0)
    assert len(seen) - asked <= 3  # the commit is the same: nothing is cloned
    commit(root / "handbook", {"docs/a.md": "A2."})
    assert counts(sync(handbook, people.ada)) == ("complete", 0, 1, 2, 0, 0)
    services.delete_connector(user=people.ada, connector=handbook, keep_documents=True)
    services.purge_connectors(until=float("inf"))
    assert not clone_folder(handbook.pk).exists()


def test_a_clone_that_was_lost_is_made_again(people: People, notes: Collection, root: Path, running: Servers) -> None:
    commit(root / "handbook", FILES)
    url = running.start(git_server(root, [])) + "/handbook/.git"
    handbook = connect(people.ada, notes, "git", repository=url)
    run = handbook.runs.get()
    assert services.run_sync(run_id=run.pk, seconds=0)
    shutil.rmtree(clone_folder(handbook.pk))
    assert counts(sync(handbook)) == ("complete", 3, 0, 0, 0, 0)


def test_links_submodules_and_lfs_are_not_followed(people: People, notes: Collection, root: Path) -> None:
    (root / "handbook").mkdir()
    (root / "handbook" / "link.md").symlink_to("/etc/passwd")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"
    commit(root / "handbook", {**FILES, "big.md": pointer})
    other = commit(root / "other", {"x.md": "X."})
    git(root / "handbook", "update-index", "--add", "--cacheinfo", f"160000,{other},module.md")
    git(root / "handbook", "commit", "--quiet", "--message", "Module")
    handbook = connect(people.ada, notes, "git", repository=str(root / "handbook"))
    assert counts(sync(handbook)) == ("complete", 3, 0, 0, 0, 1)
    assert handbook.items.get(key="big.md").error == "It is stored by Git LFS, which is not read."
    assert "link.md" not in names(notes)


def test_nothing_of_a_hostile_repository_is_run(people: People, notes: Collection, root: Path, tmp_path: Path) -> None:
    """Hooks, filters, fsmonitor, an alias, and a promisor whose missing objects a helper would fetch."""
    mark = tmp_path / "was-run"
    commit(root / "handbook", {**FILES, ".gitattributes": "*.md filter=evil diff=evil"})
    blob = git(root / "handbook", "rev-parse", "HEAD:docs/a.md")
    for key, value in {
        "core.fsmonitor": f"touch {mark}",
        "core.sshCommand": f"touch {mark}",
        "core.pager": f"touch {mark}",
        "filter.evil.smudge": f"touch {mark}",
        "filter.evil.required": "true",
        "diff.evil.textconv": f"touch {mark}",
        "remote.origin.url": f"ext::sh -c touch% {mark}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "core.repositoryformatversion": "1",
        "protocol.ext.allow": "always",
        "uploadpack.packObjectsHook": f"touch {mark}",
    }.items():
        git(root / "handbook", "config", key, value)
    for hook in ("post-checkout", "pre-commit", "reference-transaction"):
        script = root / "handbook" / ".git" / "hooks" / hook
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\ntouch {mark}\n")
        script.chmod(0o755)
    (root / "handbook" / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    handbook = connect(people.ada, notes, "git", repository=str(root / "handbook"))
    run = sync(handbook)
    assert not mark.exists()
    assert counts(run) == ("complete", 2, 0, 0, 0, 1)
    assert handbook.items.exclude(error="").get().key == "docs/a.md"


@pytest.mark.parametrize(
    "repository",
    [
        *("http://10.0.0.1/x.git", "https://169.254.169.254/x.git", "https://user:pw@git.example/x.git"),
        *("ext::sh -c id", "ssh://git.example/x", "git://git.example/x", "file:///etc", "git@git.example:x.git"),
        *("http://git.example/x.git", "--upload-pack=id", "/etc", "https://git.example/x.git#f", ""),
    ],
)
def test_d07_repositories_elsewhere_are_refused(people: People, notes: Collection, root: Path, repository: str) -> None:
    with pytest.raises(ChatappError) as told:
        connect(people.ada, notes, "git", repository=repository)
    assert told.value.code == "invalid"


@pytest.mark.parametrize("branch", ["--upload-pack=id", "a..b", "a b", "a\nb", "HEAD:x"])
def test_branches_are_names_and_nothing_else(people: People, notes: Collection, root: Path, branch: str) -> None:
    with pytest.raises(ChatappError):
        connect(people.ada, notes, "git", repository="https://git.example/x.git", branch=branch)


def test_d07_a_name_that_leads_inside_is_not_cloned_from(
    people: People, notes: Collection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))
    handbook = connect(people.ada, notes, "git", repository="https://git.example/x.git")
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: [place] if "git" in host else real(host, *a, **k))
    run = sync(handbook)
    assert (run.status, run.error) == (
        "failed",
        "The address is not allowed. The name leads to no allowed address.",
    )


def test_d07_git_connects_to_the_address_that_was_judged(
    settings: Any, people: People, notes: Collection, root: Path, running: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name means nothing to git itself: only the pinned address leads anywhere."""
    commit(root / "handbook", FILES)
    url = running.start(git_server(root, [])).replace("127.0.0.1", "git.intranet.example") + "/handbook/.git"
    real = socket.getaddrinfo

    def look_up(host: str, *a: Any, **k: Any) -> Any:
        return real("127.0.0.1" if host == "git.intranet.example" else host, *a, **k)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    settings.CONNECTOR_ALLOWED_HOSTS.add("git.intranet.example")
    handbook = connect(people.ada, notes, "git", repository=url)
    assert counts(sync(handbook)) == ("complete", 3, 0, 0, 0, 0)


def test_d07_a_redirect_of_a_git_server_is_not_followed(
    people: People, notes: Collection, root: Path, running: Servers
) -> None:
    trap = Listener()
    url = running.start(lambda handler: answer(handler, status=302, Location=f"{trap.url}/x/info/refs"))
    run = sync(connect(people.ada, notes, "git", repository=f"{url}/x"))
    assert run.status == "failed"
    assert trap.calls == 0
    trap.close()


def test_the_token_is_in_no_argument_and_no_log(
    people: People, notes: Collection, root: Path, running: Servers, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    started: list[list[str]] = []
    popen = subprocess.Popen

    def note(arguments: list[str], **how: Any) -> Any:
        started.append(arguments)
        return popen(arguments, **how)

    monkeypatch.setattr(subprocess, "Popen", note)
    commit(root / "handbook", FILES)
    url = running.start(git_server(root, [])) + "/handbook/.git"
    sync(connect(people.ada, notes, "git", repository=url, secret="token-secret-1"))
    encoded = base64.b64encode(b"x-access-token:token-secret-1").decode()
    said = str(started) + caplog.text + str(list(AuditEvent.objects.values("detail", "before", "after")))
    assert started
    assert "token-secret-1" not in said
    assert encoded not in said


def test_a_folder_that_is_no_repository_is_told(people: People, notes: Collection, root: Path) -> None:
    (root / "plain").mkdir()
    run = sync(connect(people.ada, notes, "git", repository=str(root / "plain")))
    assert run.status == "failed"
    assert run.error.startswith("Git cannot read the repository")
    assert Document.objects.count() == 0
