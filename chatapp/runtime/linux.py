"""What the launchers need of Linux and Python does not offer: parent-death signals and user namespaces."""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_LOW_PRIORITY = 10
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, signum: int) -> None:
    """Let the kernel send `signum` to this process when the thread that started it ends.

    A change of credentials clears it, so this is the last call before exec.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def enter_user_namespace() -> None:
    """Become `nobody` in a namespace of one's own, while files still belong to the user outside of it.

    PostgreSQL refuses to run as root; this is the way for root to run it on root's own files.
    """
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def works_in_user_namespace(*, executable: Path, folder: Path) -> bool:
    """Whether a process in such a namespace can run `executable` and write into `folder`: sandboxes may forbid it."""
    pid = os.fork()
    if pid == 0:
        try:
            enter_user_namespace()
            reachable = os.access(executable, os.X_OK) and os.access(folder, os.W_OK | os.X_OK)
        except OSError:
            reachable = False
        os._exit(0 if reachable else 1)
    return os.waitpid(pid, 0)[1] == 0


def yield_to_others() -> None:
    """Gives this process, a session of its own, less of busy cores.

    With autogroups (sched(7)) a nice value counts only within a session, so the session's own value is set too.
    """
    os.nice(_LOW_PRIORITY)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_LOW_PRIORITY))
