"""The queue's workers with real processes and SIGKILL."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from spectradb.services.queue.qcluster import OVERWRITTEN, TRIED_WITH, KernelLock

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_SECONDS = 120.0


def test_the_library_is_the_one_whose_private_parts_are_known() -> None:
    """Raise TRIED_WITH after the tests below have passed with the new release."""
    found = version("django-q2")
    assert found == TRIED_WITH, (
        f"django-q2 {found}: {', '.join(OVERWRITTEN)} are private and were tried with "
        f"{TRIED_WITH} only; run these tests, read its changes, then raise TRIED_WITH"
    )


def _hold(lock: KernelLock, held: object) -> None:
    lock.acquire()
    held.set()  # type: ignore[attr-defined]
    time.sleep(60)


def test_a_lock_is_free_again_when_its_holder_is_killed() -> None:
    fork = multiprocessing.get_context("fork")
    lock, held = KernelLock(), fork.Event()
    holder = fork.Process(target=_hold, args=(lock, held))
    holder.start()
    assert held.wait(10)
    assert not lock.acquire(timeout=0.05)
    holder.kill()
    holder.join()
    assert lock.acquire(timeout=5)
    assert lock.acquire()  # re-entrant
    lock.release()
    lock.release()
    with lock:
        pass


def _try(lock: KernelLock, had: object) -> None:
    if lock.acquire(timeout=5):
        had.set()  # type: ignore[attr-defined]


def test_a_lock_outlives_a_sweep_of_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers are replaced for as long as the cluster runs, longer than such folders keep files."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fork = multiprocessing.get_context("fork")
    lock, had = KernelLock(), fork.Event()
    for file in tmp_path.iterdir():
        file.unlink()
    later = fork.Process(target=_try, args=(lock, had))
    with lock:
        later.start()
        assert not had.wait(0.3)
    assert had.wait(10)
    later.join()


def test_a_lock_no_longer_needed_gives_its_file_back() -> None:
    """The head makes one for each worker it ever starts."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    before = _open_files()
    for _ in range(5):
        lock = KernelLock()
        with lock:
            pass
        del lock
    assert _open_files() == before


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Cluster:
    """``manage.py qcluster`` on the database of a folder."""

    def __init__(self, folder: Path) -> None:
        self.env = _environment(folder)
        self.head = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"],
            env=self.env,
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: len(self.members()) == 4)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, env=self.env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    @property
    def sentinel(self) -> int:
        return self._children(self.head.pid)[0]

    def members(self) -> list[int]:
        """Two workers, monitor and pusher, oldest first."""
        return [pid for head in self._children(self.head.pid) for pid in self._children(head)]

    @staticmethod
    def _children(pid: int) -> list[int]:
        try:
            listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(one) for one in listed.split()]

    def compute(self, n: int) -> str:
        """Queue square roots and wait for them."""
        code = (
            "from django_q.tasks import async_task, result\n"
            f"sent = [async_task('math.sqrt', 4.0) for _ in range({n})]\n"
            "print([result(one, wait=60_000) for one in sent])"
        )
        return self.manage("shell", "-v", "0", "-c", code).strip()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.head.pid, signal.SIGKILL)
        self.head.wait()


def _environment(folder: Path) -> dict[str, str]:
    url = f"sqlite:///{folder}/db.sqlite3"
    env = {**os.environ, "DATABASE_URL": url, "SPECTRADB_VAR": str(folder), "TMPDIR": str(folder)}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    return env | {"QCLUSTER_WORKERS": "2", "OMP_NUM_THREADS": "1"}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=_environment(folder), cwd=ROOT, check=True)
    return folder


@pytest.fixture
def running(tmp_path: Path, migrated: Path) -> Iterator[Cluster]:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc")
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


@pytest.mark.slow
def test_workers_killed_while_they_wait_are_replaced(running: Cluster) -> None:
    """Twice, so that whoever held the queue's lock was among the killed."""
    for _ in range(2):
        time.sleep(1.0)  # into their wait
        for pid in running.members()[:2]:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda gone=pid: gone not in running.members())
        wait_until(lambda: len(running.members()) == 4)
        assert running.compute(3) == "[2.0, 2.0, 2.0]"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["head", "sentinel"])
def test_a_killed_head_leaves_no_process_behind(running: Cluster, who: str) -> None:
    everyone = [running.sentinel, *running.members()]
    os.kill(running.head.pid if who == "head" else running.sentinel, signal.SIGKILL)
    running.head.wait(timeout=_PATIENCE_SECONDS)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in everyone))
