"""Files that several processes want at once, and what is cleared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml.files import clear, one_at_a_time, whole_or_not


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        part.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), whole_or_not(tmp_path / "a") as part:
        fail(part)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", [False, True])
def test_whoever_is_second_finds_the_work_of_the_first(tmp_path: Path, folder: bool) -> None:
    place = tmp_path / "a"

    def make(part: Path) -> None:
        if folder:
            part.mkdir()
            (part / "inside").write_text("whole")
        else:
            part.write_text("whole")

    with whole_or_not(place) as one, whole_or_not(place) as two:
        assert one != two
        make(one)
        make(two)
    assert (place / "inside" if folder else place).read_text() == "whole"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_one_process_is_inside_at_a_time_and_a_killed_one_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ml.files import one_at_a_time\n"
        "with one_at_a_time(Path(sys.argv[1])):\n"
        "    print('in', flush=True); time.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"in\n"
    begun = time.monotonic()
    waiting = subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(0.3); import os; os.kill({other.pid}, 9)"]
    )
    with one_at_a_time(tmp_path / "a"):
        waited = time.monotonic() - begun
    assert waited > 0.25
    waiting.wait()
    other.wait()


def test_the_old_and_then_the_longest_unused_are_cleared(tmp_path: Path) -> None:
    now = time.time()
    for name, days, size in (("old", 40, 10), ("b", 3, 600), ("c", 2, 600), ("new", 0, 300)):
        path = tmp_path / name
        path.write_bytes(b"x" * size)
        os.utime(path, (now - days * 86400, now - days * 86400))
    parts = tmp_path / "parts"
    (parts / "model").mkdir(parents=True)
    (parts / "model" / "weights").write_bytes(b"x" * 50)
    abandoned = tmp_path / ".x.1-2.part"
    abandoned.write_bytes(b"x" * 7)
    os.utime(abandoned, (now - 2 * 86400,) * 2)
    assert clear([tmp_path, parts], max_days=30, max_bytes=1000) == 10 + 600 + 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "new", "parts"]
    assert (parts / "model" / "weights").exists()


def test_a_folder_that_is_not_there_needs_no_clearing(tmp_path: Path) -> None:
    assert clear([tmp_path / "none"], max_days=1, max_bytes=1) == 0
