"""What carries tasks to workers and brings back what became of them."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from compute.tasks import Ended, Task, attempt
from spectradb.services.clusters.machines import ClusterError, Machines, config_of

if TYPE_CHECKING:
    from parsl.dataflow.dflow import DataFlowKernel


class BlockEndedError(Exception):
    """The machine of a worker has gone: its time was over, or it was killed."""

    cause = "Machine gone"
    permanent = False


class WorkerEndedError(Exception):
    """The worker of a task has died, the machine has not: the task may be why."""

    cause = "Worker died"
    permanent = False


class Carrier(Protocol):
    """Tasks go out, futures of what became of them come back."""

    def send(self, task: Task) -> Future[Ended]: ...

    def error_of(self, error: BaseException) -> Exception:
        """What a future's error means: one of the two above, or that nothing goes on."""
        ...

    def workers(self) -> int:
        """How many there are now."""
        ...

    def close(self) -> None:
        """Let all machines go, whatever they are doing."""
        ...


class ParslCarrier:
    """Parsl's HighThroughputExecutor."""

    def __init__(self, machines: Machines, folder: Path) -> None:
        config = config_of(machines, folder)
        from parsl.dataflow.dflow import DataFlowKernel

        # It says everything it does, which belongs into its own log alone.
        logging.getLogger("parsl").propagate = False
        try:
            self._kernel: DataFlowKernel = DataFlowKernel(config)
        # Of many kinds, by what is configured.
        except Exception as error:
            raise ClusterError(f"Parsl does not start: {type(error).__name__}: {error}") from error
        self._executors: list[Any] = list(config.executors)

    def send(self, task: Task) -> Future[Ended]:
        sent: Future[Ended] = self._kernel.submit(
            attempt, (task,), executors="all", cache=False, ignore_for_cache=[], app_kwargs={}
        )
        return sent

    def error_of(self, error: BaseException) -> Exception:
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

        if isinstance(error, ManagerLost):
            return BlockEndedError(str(error))
        if isinstance(error, WorkerLost):
            return WorkerEndedError(str(error))
        if isinstance(error, ClusterError):
            return error
        return ClusterError(f"Parsl: {type(error).__name__}: {error}")

    def workers(self) -> int:
        managers = [one for executor in self._executors for one in executor.connected_managers()]
        return sum(int(one["worker_count"]) for one in managers if one["active"])

    def close(self) -> None:
        self._kernel.cleanup()
