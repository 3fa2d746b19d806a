"""The command: files in, JSON out, failures told."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

NI = {"element": "Ni", "charge": 2, "crystal_field": {"ten_dq": 1.1}}
CU = {"element": "Cu", "charge": 2}


def run(*args: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("run_multiplet", *map(str, args), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_one_case_gives_one_object_on_stdout_alone(tmp_path: Path) -> None:
    out, err = run(write(tmp_path / "ni.json", NI), "--output", "-")
    result = json.loads(out)
    assert len(result["energy_ev"]) == len(result["intensity"])
    assert result["total_intensity"] == pytest.approx(4 / 3 * 0.2)
    assert result["dimension"] == {"initial": 45, "final": 60}
    assert set(result) >= {
        "energy_ev", "intensity", "total_intensity", "initial_eigenvalues_ev",
        "n_initial_states", "dimension", "l3_fraction", "mean_d_holes", "sticks", "expectation",
        "parameters", "method", "seconds",
    }  # fmt: skip
    assert "Ni2+ 3d8" in err


def test_several_cases_keep_their_order_on_two_processes(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    files = write(tmp_path / "a.json", [CU, NI]), write(tmp_path / "b.json", CU)
    run(*files, "--processes", 2, "--output", target)
    elements = [r["parameters"]["element"] for r in json.loads(target.read_text())]
    assert elements == ["Cu", "Ni", "Cu"]


def test_a_case_that_fails_keeps_its_place(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with pytest.raises(CommandError, match="1 of 3"):
        run(write(tmp_path / "c.json", [NI, NI | {"charge": 12}, CU]), "--output", target)
    first, second, third = json.loads(target.read_text())
    assert "charge" in second["error"]
    assert "error" not in first
    assert third["parameters"]["element"] == "Cu"


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not JSON"), ('{"element": "Ni"}', "charge: is required")]
)
def test_a_bad_file_is_a_failure_that_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(CommandError, match=message):
        run(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.json"):
        run(tmp_path / "none.json")
