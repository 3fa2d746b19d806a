"""Which machines work, and how Parsl is told to reach them.

Parsl (https://parsl-project.org) is an optional extra: it asks a batch system for blocks of nodes,
starts workers in them and carries tasks there and results back. Workers import ``compute`` alone.
Nothing that a worker inherits names the site's key, database or accounts: see :func:`scrubbed`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from compute.isolation import without_secrets
from spectradb.services.queue.beside import THREAD_SETTINGS

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from parsl.config import Config
    from parsl.executors.base import ParslExecutor

_BEAT_SECONDS, _SILENT_SECONDS = 10, 60  # of the workers of a node, until they are taken for lost
_BAD_BLOCKS = 3  # that ended before any worker of theirs was seen
_WALLTIME = re.compile(r"\d{1,4}:[0-5]\d:[0-5]\d")


class ClusterError(Exception):
    """Machines that cannot be had, in words for whoever asked for them."""

    cause = "No such machines"
    permanent = True


@dataclass(frozen=True)
class Local:
    """So many workers on this machine."""

    workers: int


@dataclass(frozen=True)
class Slurm:
    """Blocks of one node each, asked of Slurm.

    Attributes
    ----------
    walltime : str
        H:MM:SS, of a block.
    cores : int or None
        Of a block, a worker each; None for whole nodes.
    """

    blocks: int
    walltime: str
    partition: str | None = None
    cores: int | None = None


@dataclass(frozen=True)
class Given:
    """A Python file with a ``config`` of Parsl's."""

    file: Path


Machines = Local | Slurm | Given


def config_of(machines: Machines, folder: Path) -> Config:
    """Parsl's configuration; what ours writes goes into ``folder``.

    Raises
    ------
    ClusterError
        If Parsl, Slurm or a right configuration is missing.
    """
    if importlib.util.find_spec("parsl") is None:
        raise ClusterError("Parsl is missing: pip install -r requirements-cluster.txt first")
    if isinstance(machines, Given):
        return _given(machines.file)
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor

    if isinstance(machines, Local):
        from parsl import providers

        most: int | None = machines.workers
        address: str | None = "127.0.0.1"
        here: Any = providers.LocalProvider
        provider: Any = here(min_blocks=1, worker_init=_worker_init())
    else:
        from parsl.providers import SlurmProvider

        _check(machines)
        most, address = machines.cores, None
        provider = SlurmProvider(
            partition=machines.partition,
            init_blocks=machines.blocks,
            max_blocks=machines.blocks,
            cores_per_node=machines.cores,
            exclusive=machines.cores is None,
            walltime=machines.walltime,
            cmd_timeout=60,
            worker_init=_worker_init(),
        )
    executor = HighThroughputExecutor(
        label="spectradb",
        address=address,
        provider=provider,
        max_workers_per_node=most,
        cores_per_worker=1e-3 if isinstance(machines, Local) else 1.0,
        heartbeat_period=_BEAT_SECONDS,
        heartbeat_threshold=_SILENT_SECONDS,
        interchange_launch_cmd=_ended_with_us("interchange.py"),
        block_error_handler=refuse_bad_blocks,
        encrypted=True,
    )
    return Config(executors=[executor], run_dir=str(folder), strategy="simple", usage_tracking=0)


def _ended_with_us(program: str) -> list[str]:
    """So that a run that is killed leaves no exchange behind, and its workers end soon after."""
    tied = shutil.which("setpriv")
    return [tied, "--pdeathsig", "KILL", program] if tied else [program]


def refuse_bad_blocks(executor: Any, status: dict[str, Any]) -> None:
    """End what asks for block after block although none of them comes to work.

    Parsl's own handlers count a block that was killed at work as well, of which there may be many.
    """
    from parsl.jobs.states import TERMINAL_STATES

    worked = set(executor.connected_blocks())
    latest = sorted(status, key=int)[-_BAD_BLOCKS:]
    if len(latest) == _BAD_BLOCKS and all(
        status[one].state in TERMINAL_STATES and one not in worked for one in latest
    ):
        told = [status[one].stderr_summary or "" for one in latest]
        said = next((text.strip().splitlines()[-1] for text in told if text.strip()), "no word")
        executor.set_bad_state_and_fail_all(
            ClusterError(f"{_BAD_BLOCKS} blocks ended before a worker of theirs answered: {said}")
        )


def check_connection(wrapper: BaseDatabaseWrapper) -> None:
    """Before :func:`scrubbed`: connections that are made inside have what they need.

    Raises
    ------
    ClusterError
        If libpq would take from a variable what ``DATABASE_URL`` does not say.
    """
    if wrapper.vendor != "postgresql":
        return
    from psycopg.pq import Conninfo

    said = wrapper.get_connection_params()
    for one in Conninfo.get_defaults():
        name, keyword = (one.envvar or b"").decode(), one.keyword.decode()
        if os.environ.get(name) and keyword not in said:
            raise ClusterError(
                f"{name} is set, which workers would inherit: say it in DATABASE_URL instead "
                f"(?{keyword}=…), or unset it"
            )


@contextmanager
def scrubbed() -> Iterator[None]:
    """Inside, whatever is started inherits neither key, database nor account of the site.

    Batch systems hand the whole environment of whoever submits on to the nodes.
    """
    before, handed = dict(os.environ), without_secrets(os.environ) | _of_workers()
    for name in before.keys() - handed.keys():
        del os.environ[name]
    os.environ.update(handed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _of_workers() -> dict[str, str]:
    """Where a worker finds the interpreter and ``compute``; one thread each."""
    return dict.fromkeys(THREAD_SETTINGS, "1") | {
        "PATH": os.pathsep.join(_once(str(Path(sys.executable).parent), "PATH")),
        "PYTHONPATH": os.pathsep.join(_once(str(settings.BASE_DIR), "PYTHONPATH")),
    }


def _once(first: str, name: str) -> list[str]:
    rest = os.environ.get(name, "").split(os.pathsep)
    return [first, *(one for one in rest if one and one != first)]


def _worker_init() -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in _of_workers().items())


def _check(slurm: Slurm) -> None:
    if not _WALLTIME.fullmatch(slurm.walltime):
        raise ClusterError(f"--walltime {slurm.walltime}: write it as H:MM:SS")
    if not slurm.walltime.strip("0:"):  # which Slurm takes for no limit
        raise ClusterError(f"--walltime {slurm.walltime}: at least 0:00:01")
    for program in ("sbatch", "squeue", "scancel"):
        if shutil.which(program) is None:
            raise ClusterError(f"--slurm: {program} of Slurm is not on this machine")


def _given(file: Path) -> Config:
    from parsl.config import Config

    if not file.is_file():
        raise ClusterError(f"--parsl {file}: there is no such file")
    try:
        config = runpy.run_path(str(file)).get("config")
    # Whatever the file does is its writer's: its words are what they need.
    except Exception as error:
        raise ClusterError(f"--parsl {file}: {type(error).__name__}: {error}") from error
    if not isinstance(config, Config):
        raise ClusterError(f"--parsl {file}: gives no 'config' of the class parsl.config.Config")
    for executor in config.executors:
        _carries(executor, file)
    return config


def _carries(executor: ParslExecutor, file: Path) -> None:
    from parsl.executors import HighThroughputExecutor

    if not isinstance(executor, HighThroughputExecutor):
        raise ClusterError(
            f"--parsl {file}: executor {executor.label!r} is a {type(executor).__name__}; "
            "calculations are carried by HighThroughputExecutor"
        )
    if not executor.encrypted:
        raise ClusterError(
            f"--parsl {file}: executor {executor.label!r} has encrypted=False; results are "
            "pickles, and whoever can send some may run code here"
        )
