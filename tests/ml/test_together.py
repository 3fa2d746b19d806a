"""Groups of processes that start at once on the same rows: one writer, one study, one choice."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ml import together

_PATIENCE = 300.0  # seconds: a group that waits for itself would wait for ever


def start(target: Callable[..., None], folder: Path, groups: int, trials: int = 0) -> list[Any]:
    """What each process of so many groups of two wrote, all started at once on one cache."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.ml.together"])
    processes, places = [], []
    for group in range(groups):
        place = folder / f"group-{group}"
        for rank in range(2):
            arguments = (rank, f"{place}.store", str(folder / "cache"), str(place), trials)
            processes.append(server.Process(target=target, args=arguments))
            places.append(Path(f"{place}-{rank}.json"))
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return [json.loads(place.read_text()) for place in places]


@pytest.mark.parametrize("starts", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_two_groups_make_one_model(tmp_path: Path, starts: int) -> None:
    for k in range(starts):
        folder = tmp_path / str(k)
        folder.mkdir()
        told = start(together.work, folder, 2)
        assert all(one == told[0] for one in told)
        left = [path.name for path in (folder / "cache").rglob("*.part")]
        assert left == []


@pytest.mark.parametrize("starts", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_two_groups_search_in_one_study(tmp_path: Path, starts: int) -> None:
    for k in range(starts):
        folder = tmp_path / str(k)
        folder.mkdir()
        told = start(together.work, folder, 2, trials=3)
        assert told[0] == told[1]
        assert told[2] == told[3]
        assert len(told[0]["params"]) >= 3


def test_what_one_process_cannot_fit_all_of_them_say(tmp_path: Path) -> None:
    told = start(together.fails, tmp_path, 1)
    assert told[0] == told[1]
    assert "at least 25 are needed" in told[0]
