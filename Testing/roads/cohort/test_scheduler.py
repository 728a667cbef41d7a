"""A cohort on a Dask scheduler and two workers, started as processes of their own on the loopback."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.phantom import make_cohort
from RNTDosimetryLib.roads import cohort
from RNTDosimetryLib.roads.cohort.jobs import SEAL

ROOT = Path(__file__).resolve().parents[3]
needed = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the package dask[distributed] is not installed"
)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of the scheduler; ends only what it started."""
    place = tmp_path_factory.mktemp("dask")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    file = place / "scheduler.json"
    started = []

    def start(name, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *options]
        with (place / f"{name}{len(started)}.log").open("w") as log:
            started.append(subprocess.Popen(command, env=environment, cwd=place, stdout=log, stderr=log))

    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    end = time.monotonic() + 60
    while not file.is_file():
        assert time.monotonic() < end, "the scheduler did not start"
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    for _ in range(2):
        start("worker", address, "--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--no-nanny")
    yield address
    for process in started[::-1]:
        process.kill()
    for process in started:
        process.wait(30)


@needed
def test_a_scheduler_gives_what_this_process_gives(scheduler, tmp_path):
    make_cohort(tmp_path, 3, seed=4)
    alone = cohort.ROAD.run_file(tmp_path / "cohort.json", folder=tmp_path / "alone", workers=1)
    heard = []
    spread = cohort.ROAD.run_file(
        tmp_path / "cohort.json", lambda _fraction, words: heard.append(words), folder=tmp_path / "spread", scheduler=scheduler
    )
    assert spread.rows == alone.rows
    assert spread.statistics == alone.statistics
    for name in ("results.csv", "dose.nrrd"):
        assert (tmp_path / "spread" / "p2" / name).read_bytes() == (tmp_path / "alone" / "p2" / name).read_bytes()
    assert any("3 of 3 studies" in words for words in heard)
    # What is done is kept, wherever it was computed.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "alone").glob(f"*/{SEAL}")}
    cohort.ROAD.run_file(tmp_path / "cohort.json", folder=tmp_path / "alone", scheduler=scheduler)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@needed
def test_a_scheduler_that_does_not_answer_is_a_sentence(tmp_path, monkeypatch):
    from RNTDosimetryLib.roads.cohort import workers

    monkeypatch.setattr(workers, "_CONNECT_S", 1)
    make_cohort(tmp_path, 2, seed=4)
    with pytest.raises(DosimetryError, match=r"Expected a Dask scheduler at tcp://127\.0\.0\.1:9,"):
        cohort.ROAD.run_file(tmp_path / "cohort.json", folder=tmp_path / "out", scheduler="tcp://127.0.0.1:9")
