"""The workers beside a command end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_COMMAND = """
import subprocess, sys, time
from spectradb.services.queue import beside as cluster
real, sleeper = subprocess.Popen, [sys.executable, "-c", "import time; time.sleep(60)"]
cluster.subprocess.Popen = lambda *a, **k: real(sleeper, start_new_session=True)
with cluster.workers() as child:
    print(child.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_no_workers(how: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", _COMMAND],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
        # A shell without job control hands on an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert command.stdout is not None
    child = int(command.stdout.readline())
    command.send_signal(how)
    assert command.wait(timeout=30) != 0
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail(f"worker {child} is still there")
