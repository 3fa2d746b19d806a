"""A map of gigabytes over tus to a server of its own, then read by the job: time and memory.

python -m tests.benchmarks.series_upload [--gb 2.2] [--output FILE.json]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.output import write
from tests.spectradb.series.test_killed_upload import ROOT, Site, account

OCTETS = "application/offset+octet-stream"
CHANNELS = 1024
PIECE_BYTES = 8 * 10**6  # as our page sends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=2.2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = int(options.gb * 1e9 / (4 * CHANNELS * 512))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "map.npy"
        shape = (rows, 512, CHANNELS)
        data = np.lib.format.open_memmap(path, "w+", "<f4", shape)
        rng = np.random.default_rng(1)
        for row in data:
            row[:] = rng.poisson(20, (512, CHANNELS))
        data.flush()
        axes = [
            {"name": name, "unit": unit, "start": start, "step": 1}
            for name, unit, start in (("y", "nm", 0), ("x", "nm", 0), ("energy", "eV", 400))
        ]
        side = json.dumps({"axes": axes, "element": "Mn"}).encode()
        site = Site(Path(place) / "var")
        account(site)
        site.start()
        try:
            told = _send(site, path, side)
        finally:
            site.kill()
        began = time.perf_counter()
        code = "from spectradb.tasks import run_series_upload as run; assert run(1)"
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
        subprocess.run(command, cwd=ROOT, env=site.environment, check=True)
        told["job_seconds"] = round(time.perf_counter() - began, 1)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        told["largest_process_mb"] = round(used.ru_maxrss / 1e3)
        told["shape"] = shape
        told["load"] = os.getloadavg()[0]
    write(json.dumps(told, indent=1) + "\n", options.output)


def _send(site: Site, path: Path, side: bytes) -> dict[str, object]:
    site.ask("GET", "/login/")
    site.form("/login/", username="anna", password="p")
    size = path.stat().st_size
    answer = site.form("/series/upload/", n_files="2", n_bytes=str(size + len(side)))
    files = json.loads(answer[2])["files"]
    at = ""
    for name, n_bytes, body in ((b"map.json", len(side), side), (b"map.npy", size, b"")):
        at = site.ask(
            "POST", files, body, Content_Type=OCTETS, Upload_Length=str(n_bytes),
            Upload_Metadata=f"filename {base64.b64encode(name).decode()}",
        )[1]["location"]  # fmt: skip
    began = time.perf_counter()
    with path.open("rb") as file:
        offset = 0
        while piece := file.read(PIECE_BYTES):
            status, _, words = site.ask(
                "PATCH", at, piece, Content_Type=OCTETS, Upload_Offset=str(offset)
            )
            assert status == 204, words
            offset += len(piece)
    seconds = time.perf_counter() - began
    return {
        "bytes": size,
        "send_seconds": round(seconds, 1),
        "mb_per_s": round(size / 1e6 / seconds),
    }


if __name__ == "__main__":
    main()
