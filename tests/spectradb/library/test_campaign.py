"""A whole campaign with real workers, one of them killed in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.campaign import campaign


@pytest.mark.slow
def test_a_campaign_loses_and_doubles_nothing_when_its_workers_are_killed(tmp_path: Path) -> None:
    outcome = campaign(tmp_path, "Cu", per_element=40, kills=3)
    assert outcome.whole, outcome
    assert (outcome.wanted, outcome.kills) == (40, 3)
    assert outcome.taken_up_again >= 1
