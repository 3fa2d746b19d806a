"""A training that is killed goes on inside the kind, and ends as it would have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.data import Dataset
from ml.files import remove
from ml.kinds.base import Step, unfinished
from ml.kinds.doors import fit_config
from ml.kinds.mlp import Mlp, MlpSize
from ml.kinds.networks import NetworkConfig
from ml.resume import Progress
from ml.training import TrainingConfig
from tests.ml.samples import halides

CONFIG = NetworkConfig(MlpSize(hidden=16), 2, 8, TrainingConfig(epochs=6), "cpu")


class Killed(BaseException):
    """As if the process had ended here."""


def data(cache: Path) -> Dataset:
    return replace(halides(24), cache=cache)


def test_it_goes_on_at_the_epoch_where_it_was_and_gives_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.resume._SECONDS", 0.0)
    seen: list[tuple[int, int]] = []

    def until(member: int, epoch: int) -> object:
        def tell(step: Step) -> None:
            if step.held_out_mse is not None:
                seen.append((step.member, step.epoch))
                if (step.member, step.epoch) == (member, epoch):
                    raise Killed

        return tell

    rows = data(tmp_path / "killed")
    for stop in ((0, 2), (1, 3)):
        with pytest.raises(Killed):
            fit_config(Mlp, rows, CONFIG, until(*stop))  # type: ignore[arg-type]
    model = fit_config(Mlp, rows, CONFIG, until(9, 9))  # type: ignore[arg-type]
    assert seen == [(k, epoch) for k in range(2) for epoch in range(6)]  # none twice
    whole = fit_config(Mlp, data(tmp_path / "whole"), CONFIG, lambda step: None)
    new = halides(5, seed=1)
    np.testing.assert_allclose(model.predict(new).mean, whole.predict(new).mean, atol=1e-6)
    for one, two in zip(model.losses()["mlp"], whole.losses()["mlp"], strict=True):
        np.testing.assert_allclose(one.valid, two.valid, rtol=1e-5)
    place = Mlp.place(CONFIG, rows)
    assert place is not None
    assert place.exists()
    assert not unfinished(place).exists()


def test_another_group_that_is_done_first_may_remove_the_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.resume._SECONDS", 0.0)
    rows = data(tmp_path)
    place = Mlp.place(CONFIG, rows)
    assert place is not None
    removed: list[bool] = []
    save = torch.save

    def removed_while_saving(state: object, file: object) -> None:
        save(state, file)
        if "model" in state and len(removed) < 3:  # type: ignore[operator]
            removed.append(unfinished(place).exists())
            remove(unfinished(place))

    monkeypatch.setattr("torch.save", removed_while_saving)
    model = fit_config(Mlp, rows, CONFIG, lambda step: None)
    assert removed == [True] * 3
    assert place.exists()
    assert not unfinished(place).exists()
    whole = fit_config(Mlp, data(tmp_path / "whole"), CONFIG, lambda step: None)
    new = halides(5, seed=1)
    np.testing.assert_allclose(model.predict(new).mean, whole.predict(new).mean, atol=1e-6)


def test_a_broken_state_begins_anew(tmp_path: Path) -> None:
    """Of a host that went down; else every later training would fail on it."""
    for broken in (b"", b"PK\x03\x04 cut short", b"\x80\x02junk."):
        (tmp_path / "member.pt").write_bytes(broken)
        assert Progress(tmp_path / "member.pt").load() is None


@pytest.mark.slow
def test_a_kill_costs_no_more_than_the_last_seconds(tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "import ml.resume\n"
        "from ml.kinds.doors import fit_config\n"
        "from ml.kinds.mlp import Mlp\n"
        "from tests.ml.test_resume import CONFIG, data\n"
        "from dataclasses import replace\n"
        "ml.resume._SECONDS = 0.0\n"
        "config = replace(CONFIG, training=replace(CONFIG.training, epochs=400, patience=400))\n"
        "fit_config(Mlp, data(Path(sys.argv[1])), config,\n"
        "           lambda s: print(s.member, s.epoch, s.held_out_mse, flush=True))\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    epochs: list[tuple[int, int]] = []
    for stop in (50, 150, None):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        for count, line in enumerate(process.stdout):
            member, epoch, _ = line.split()
            epochs.append((int(member), int(epoch)))
            if count == stop:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(timeout=120)
    assert len(epochs) <= 800 + 4  # those after the last state, once for each kill
    assert set(epochs) == {(k, epoch) for k in range(2) for epoch in range(400)}
