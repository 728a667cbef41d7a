"""The road of a cohort: table and statistics equal to single runs, kept over kills, one process a folder."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from RNTDosimetryLib.base.documents import beside
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.phantom import make_cohort
from RNTDosimetryLib.roads import cohort, therapy
from RNTDosimetryLib.roads.cohort import jobs, lock, workers
from RNTDosimetryLib.roads.cohort.files import read_table, sources_of
from RNTDosimetryLib.roads.cohort.follow_up import read_follow_up
from RNTDosimetryLib.roads.cohort.jobs import SEAL
from RNTDosimetryLib.roads.therapy.rows import site_of
from RNTDosimetryLib.roads.tidy import COLUMNS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort")
    make_cohort(path, 4, seed=2)
    return path


@pytest.fixture(scope="module")
def done(folder):
    """Four studies one after another in this process."""
    result = cohort.ROAD.run_file(folder / "cohort.json", folder=folder / "out", workers=1)
    cohort.write(result, folder / "out")
    return result


def request_of(folder, **content):
    path = folder / f"c{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps({"format": "RNTDosimetry cohort", "version": 1, **content}))
    return path


def without_time(path):
    content = json.loads(path.read_text())
    return {key: value for key, value in content.items() if key not in ("created", "files")}


def stamps(out):
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/results.json")}


def test_everything_is_written(done, folder):
    found = {path.name for path in (folder / "out").iterdir()}
    assert {"cohort.csv", "cohort_results.json", "cohort_report.html", "p1", "p2", "p3", "p4"} <= found
    assert not [name for name in found if name.startswith(".")]
    assert {"results.json", "results.csv", "report.html", "dose.nrrd", SEAL} <= {
        path.name for path in (folder / "out" / "p1").iterdir()
    }
    page = (folder / "out" / "cohort_report.html").read_text(encoding="utf-8")
    assert "4 of 4 studies" in page
    assert "population kinetics of kidney: Expected at least 5 patients" in page


def test_numbers_are_bit_for_bit_those_of_a_single_run(done, folder):
    single = therapy.ROAD.run_file(folder / "p2" / "study.json")
    therapy.write(single, folder / "single" / "p2")
    for name in ("results.csv", "dose.nrrd", "tia.nrrd"):
        assert (folder / "single" / "p2" / name).read_bytes() == (folder / "out" / "p2" / name).read_bytes()
    one, other = (without_time(folder / where / "p2" / "results.json") for where in ("single", "out"))
    places = [
        Path(folder, where, "p2", content["study"]["volumes"].pop("folder")).resolve()
        for where, content in (("single", one), ("out", other))
    ]
    assert places[0] == places[1]
    assert one == other
    row = next(row for row in done.rows if (row.study, row.region) == ("p2", "kidney_left"))
    item = single.region("kidney_left")
    assert (row.dose_gy, row.dose_uncertainty_gy, row.tia_mbq_h) == (
        item.dose.dose_gy,
        item.dose.dose_uncertainty_gy,
        item.tia_mbq_h,
    )


def test_the_table_has_its_dictionary_and_reads_back(done, folder):
    with (folder / "out" / "cohort.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [item.name for item in COLUMNS] == list(done.columns)
    assert [(row["study"], row["region"]) for row in rows] == [
        (f"p{n}", region) for n in (1, 2, 3, 4) for region in ("kidney_left", "lesion_1")
    ]
    assert {(row["patient"], row["cycle"]) for row in rows} == {(f"p{n}", "1") for n in (1, 2, 3, 4)}
    assert [float(row["dose_gy"]) for row in rows] == [row.dose_gy for row in done.rows]
    assert rows[0]["site"] == "kidney"
    # The columns of one study are the same.
    assert (folder / "out" / "p1" / "results.csv").read_text().splitlines()[0] == (
        folder / "out" / "cohort.csv"
    ).read_text().splitlines()[0]
    stored = cohort.CohortResult.read(folder / "out" / "cohort_results.json")
    assert (stored.studies, stored.statistics, stored.columns) == (done.studies, done.statistics, done.columns)
    assert beside(stored.request, folder / "out").follow_up.endswith("follow_up.csv")
    assert done.to_table()[0]["dose_gy"] == done.rows[0].dose_gy


def test_doses_are_those_of_the_simulated_patients(done, folder):
    """Self-dose within 10 %: three scans with 4 % each and a fit, 1 sigma about 3 %."""
    truth = json.loads((folder / "truth.json").read_text())
    for patient in truth["patients"]:
        for row in done.rows:
            if row.patient == patient["patient"]:
                known = patient["gy_per_gbq"][row.region][0]
                assert row.self_dose_gy / 7.4 == pytest.approx(known, rel=0.1), (row.patient, row.region)


def test_two_workers_give_the_same_and_one_failed_study_stops_no_other(done, folder):
    """In processes; a study that cannot be read is listed with its sentence; the others are those of the sequential run."""
    (folder / "bad").mkdir()
    content = json.loads((folder / "p1" / "study.json").read_text())
    content["volumes"]["scans"][0]["activity"] = "none.nrrd"
    (folder / "bad" / "study.json").write_text(json.dumps(content))
    path = request_of(folder, studies=["p1/study.json", "bad/study.json", "p[23]/study.json"], workers=2)
    heard = []
    result = cohort.ROAD.run_file(path, lambda fraction, words: heard.append((fraction, words)), folder=folder / "two")
    paths = cohort.write(result, folder / "two")
    assert [(item.name, item.state) for item in result.studies] == [
        ("p1", "done"),
        ("bad", "failed"),
        ("p2", "done"),
        ("p3", "done"),
    ]
    assert result.failed[0].sentence.startswith("Expected")
    assert "none.nrrd" in result.failed[0].sentence
    assert "bad is not in the table: Expected" in result.warnings[0]
    assert "none.nrrd" in paths[2].read_text(encoding="utf-8")
    assert not (folder / "two" / "bad").exists()
    known = {row.study: row for row in done.rows if row.region == "lesion_1"}
    for row in result.rows:
        if row.region == "lesion_1":
            # The list of this cohort names no cycle.
            assert row.to_dict() | {"cycle": 1} == known[row.study].to_dict()
    for name in ("results.csv", "dose.nrrd"):
        assert (folder / "two" / "p3" / name).read_bytes() == (folder / "out" / "p3" / name).read_bytes()
    fractions = [fraction for fraction, _words in heard]
    assert fractions == sorted(fractions)
    assert any("4 of 4 studies" in words for _fraction, words in heard)


def test_what_is_sealed_is_kept_and_what_has_changed_is_computed_again(done, folder):
    out, before = folder / "out", stamps(folder / "out")
    (out / "p1" / "dose.nrrd").write_bytes(b"damaged")
    (out / "p2" / SEAL).unlink()
    (out / "p2" / ".unfinished").touch()
    again = cohort.ROAD.run_file(folder / "cohort.json", folder=out, workers=1)
    changed = {name for name, stamp in stamps(out).items() if stamp != before[name]}
    assert changed == {"p1", "p2"}
    assert again.rows == done.rows
    # Another setting is another request.
    study = json.loads((folder / "p4" / "study.json").read_text())
    kept = (folder / "p4" / "study.json").read_text()
    try:
        study["settings"]["density_g_ml"] = 1.0
        (folder / "p4" / "study.json").write_text(json.dumps(study))
        before = stamps(out)
        other = cohort.ROAD.run_file(folder / "cohort.json", folder=out, workers=1)
        assert {name for name, stamp in stamps(out).items() if stamp != before[name]} == {"p4"}
        assert other.rows[-1].mass_g < done.rows[-1].mass_g
    finally:
        (folder / "p4" / "study.json").write_text(kept)


def test_a_folder_with_other_files_is_left_alone(folder, tmp_path):
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "letters.txt").write_text("mine")
    path = request_of(folder, studies=["p1/study.json", "p2/study.json"], workers=1)
    result = cohort.ROAD.run_file(path, folder=tmp_path)
    assert "received one with other files in it" in result.failed[0].sentence
    assert (tmp_path / "p1" / "letters.txt").read_text() == "mine"
    assert not (tmp_path / "p1" / "results.json").exists()


def test_results_can_be_named_instead_of_studies(done, folder, tmp_path):
    path = request_of(folder, studies=["out/p*/results.json"], workers=1)
    result = cohort.ROAD.run_file(path, folder=tmp_path)
    assert [row.dose_gy for row in result.rows][:2] == [row.dose_gy for row in done.rows][:2]
    assert [item.key for item in result.studies] == [""] * 4
    assert list(tmp_path.iterdir()) == []


def test_plans_of_radioembolisation_may_be_in_a_cohort(folder, tmp_path):
    """Rows are the doses of the plan: energy 49.67 J/GBq over the masses weighted with the ratio (docs/planning_partition.md)."""
    for name, mass in (("t1", 200), ("t2", 100)):
        content = {
            "product": "TheraSphere",
            "activity_gbq": 2.0,
            "keep_activities": True,
            "normal_liver_mass_g": 1300,
            "lung_shunt_fraction": 0.05,
        }
        content["tumours"] = [{"name": "T1", "mass_g": mass, "tnr": 5.0}]
        (folder / f"{name}.json").write_text(json.dumps({"format": "RNTDosimetry plan", "version": 1, **content}))
    result = cohort.ROAD.run_file(request_of(folder, studies=["t1.json", "t2.json"]), folder=tmp_path, workers=1)
    rows = {(row.study, row.region): row for row in result.rows}
    for name, mass in (("t1", 200), ("t2", 100)):
        row = rows[name, "T1"]
        # 2 GBq, of which 95 % stay in the liver, in tissue that takes up five times as much as the normal liver.
        assert row.dose_gy == pytest.approx(2 * 49.67 * 0.95 * 1000 * 5 / (1300 + 5 * mass), rel=0.01)
        assert row.dose_per_activity_gy_per_gbq == pytest.approx(row.dose_gy / 2)
        assert (
            row.kind,
            row.mass_g,
            rows[name, "normal_liver"].site,
            next(item.site for item in result.rows if item.study == name and item.region.startswith("lung")),
        ) == (
            "lesion",
            mass,
            "liver",
            "lung",
        )


def test_cancel_stops_between_studies_and_keeps_what_is_done(folder, tmp_path):
    seen = []

    def stop(_fraction, words):
        seen.append(words)

    with pytest.raises(Cancelled):
        cohort.ROAD.run_file(folder / "cohort.json", stop, lambda: any("1 of 4" in words for words in seen), tmp_path, workers=1)
    assert (tmp_path / "p1" / SEAL).is_file()
    assert not (tmp_path / "p4").exists()
    assert not (tmp_path / lock.LOCK).exists()


def started(folder, out, *options):
    """The command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "RNTDosimetryLib", "cohort", str(folder / "cohort.json"), "--out", str(out), *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_killed_process_is_resumed_without_what_is_done_and_two_in_one_folder_are_refused(done, folder, tmp_path):
    process = started(folder, tmp_path, "--workers", "1")
    try:
        until(lambda: (tmp_path / "p1" / SEAL).is_file())
        with pytest.raises(DosimetryError, match=rf"process {process.pid} on .* since .* works"):
            cohort.ROAD.run_file(folder / "cohort.json", folder=tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / lock.LOCK).is_file()
    before = stamps(tmp_path) | {}
    sealed = {path.parent.name for path in tmp_path.glob(f"*/{SEAL}")}
    assert main(["cohort", str(folder / "cohort.json"), "--workers", "1", "--out", str(tmp_path)]) == 0
    after = stamps(tmp_path)
    assert {name for name in before if after[name] == before[name]} >= sealed
    assert sealed
    assert not (tmp_path / lock.LOCK).exists()
    assert (tmp_path / "cohort.csv").read_bytes() == (folder / "out" / "cohort.csv").read_bytes()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are found in /proc")
def test_a_killed_worker_costs_no_study(done, folder, tmp_path):
    """A worker is killed while it computes: its study is tried again, and the table is that of the sequential run."""
    process = started(folder, tmp_path, "--workers", "2")
    try:
        until(lambda: any(tmp_path.glob(f"*/{SEAL}")))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        spawned = [child for child in map(int, children) if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
        assert spawned
        os.kill(spawned[-1], signal.SIGKILL)
        _out, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert (tmp_path / "cohort.csv").read_bytes() == (folder / "out" / "cohort.csv").read_bytes()


def test_a_study_that_its_worker_dies_of_is_listed_and_stops_no_other(folder, tmp_path, monkeypatch):
    """The pool is one that always breaks for one study, as memory would make it."""
    sources, _warnings = sources_of(cohort.read_request(folder / "cohort.json"))
    pools = []

    def pool(batch, _folder, count, _cancel, in_work):
        pools.append(([source.name for source in batch], count))
        for source in batch:
            if source.name == "p2":
                in_work.update(item.name for item in batch[batch.index(source) : batch.index(source) + count])
                return
            yield jobs.Outcome(source.name, source.path, "done")

    monkeypatch.setattr(workers, "_one_pool", pool)
    found = workers.outcomes(sources, tmp_path, 2, None, lambda: False, lambda outcome: None)
    assert {name: outcome.state for name, outcome in found.items()} == {"p1": "done", "p2": "failed", "p3": "done", "p4": "done"}
    assert "a worker that ends its study" in found["p2"].sentence
    # The two that were in work are tried one at a time, then the rest together.
    assert pools == [(["p1", "p2", "p3", "p4"], 2), (["p2", "p3"], 1), (["p3"], 1), (["p4"], 2)]


def test_a_dead_lock_gives_way_and_another_host_does_not(tmp_path):
    path = tmp_path / lock.LOCK
    here = lock._own()
    path.write_text(json.dumps(here | {"pid": 2**22 + 5}))
    with lock.locked(tmp_path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        with pytest.raises(DosimetryError, match=f"process {os.getpid()} on"), lock.locked(tmp_path):
            pass
    assert not path.exists()
    # The same number, but a process that began at another time.
    path.write_text(json.dumps(here | {"started": "1"}))
    with lock.locked(tmp_path):
        pass
    path.write_text("{")
    with lock.locked(tmp_path):
        pass
    path.write_text(json.dumps(here | {"host": "elsewhere"}))
    with pytest.raises(DosimetryError, match="on elsewhere since"), lock.locked(tmp_path):
        pass
    assert [item.name for item in tmp_path.iterdir()] == [lock.LOCK]


def test_studies_that_need_more_memory_than_there_is_run_one_after_another():
    sources = [cohort_source(name) for name in "abc"]
    needs = {"a": 600.0, "b": 600.0, "c": 300.0}
    assert workers._next(sources, [], needs, 100.0).name == "a"
    assert workers._next(sources[1:], [sources[0]], needs, 1000.0).name == "c"
    assert workers._next(sources[1:], [sources[0]], needs, 800.0) is None
    assert workers._next(sources[1:], [sources[0]], needs, None).name == "b"


def cohort_source(name):
    from RNTDosimetryLib.roads.cohort.files import Source

    return Source(name, f"{name}.json", "run", False)


def test_a_scheduler_without_its_package_is_a_sentence(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "optional_module", _missing)
    with pytest.raises(DosimetryError, match=r"Expected the package dask\[distributed\].*rntdosimetry\[cohort\]"):
        cohort.ROAD.run_file(folder / "cohort.json", folder=tmp_path, scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / lock.LOCK).exists()


def _missing(name, purpose):
    from RNTDosimetryLib.base import optional

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optional, "has_optional", lambda _name: False)
        return optional.optional_module(name, purpose)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"studies": []}, "received none"),
        ({"studies": ["none/*.json"]}, "found none; check the pattern"),
        ({"studies": ["p1/study.json", "p1/../p1/study.json"]}, "each study once"),
        ({"studies": ["p1/study.json"], "workers": 0}, "from 1 to"),
        ({"studies": ["p1/study.json"], "worker": 2}, "did you mean workers"),
        ({"studies": ["truth.json"]}, "the first, truth: Expected"),
        ({"studies": ["cohort.json"]}, "received cohort.json of format 'RNTDosimetry cohort'"),
        ({"studies": ["p1/study.json"], "group_by": "arm"}, "follow_up together with group_by"),
        ({"studies": ["p1/study.json"], "marker": {"quantity": "dose"}}, "quantity of a cohort's marker"),
    ],
)
def test_what_cannot_be_a_cohort_is_refused(folder, tmp_path, content, words):
    with pytest.raises(DosimetryError, match=words):
        cohort.ROAD.run_file(request_of(folder, **content), folder=tmp_path, workers=content.get("workers"))


def test_a_folder_is_needed(folder):
    with pytest.raises(DosimetryError, match="give folder"):
        cohort.run(cohort.read_request(folder / "cohort.json"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient;months;event\np1;3;1\np1;4;0\n", "one row a patient"),
        ("patient,months\np1,3\n", "months together with event"),
        ("name,months,event\np1,3,1\n", "columns patient"),
        ("patient,months,event\np1,-3,1\n", "months of zero or more"),
        ("patient,months,event\np1,3,\n", "months together with event for p1"),
        ("patient,months,event\np1,3,maybe\n", "event 0 or 1"),
        ("patient,months,event\np1,3\n", "3 fields in row 2"),
        ("patient,months,event\n", "at least one row"),
    ],
)
def test_a_table_of_follow_up_that_cannot_be_used_is_refused(tmp_path, text, words):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(DosimetryError, match=words):
        read_follow_up(tmp_path / "f.csv")


def test_a_table_of_another_country_is_read(tmp_path):
    (tmp_path / "f.csv").write_text(
        "\ufeffpatient;months;event;response;age;arm\np1;3,5;yes;;61;A\np2;;;1;;B\n", encoding="utf-8"
    )
    found = read_follow_up(tmp_path / "f.csv")
    assert (found["p1"].months, found["p1"].event, found["p1"].covariates, found["p1"].groups) == (
        3.5,
        1,
        {"age": 61.0},
        {"arm": "A"},
    )
    assert (found["p2"].months, found["p2"].response, found["p2"].covariates) == (None, 1, {})
    assert read_table(tmp_path / "f.csv", "x")[0]["months"] == "3.5"


def test_sites_are_organs_without_their_side():
    assert [site_of(name) for name in ("kidney_left", "Left Kidney", "liver", "Kidney L")] == [
        "kidney",
        "kidney",
        "liver",
        "kidney",
    ]


def test_a_course_gives_a_row_a_cycle(folder, tmp_path):
    """Entered doses of a course: 4 Gy of 7.4 GBq each; the study of one cycle beside it is found by its format."""
    kidney = {"kidney_left": {"dose_gy": 4.0, "random_uncertainty": 0.06, "common_uncertainty": 0.1, "effective_half_life_h": 51}}
    cycles = [{"date": f"2026-0{month}-10", "administered_activity_mbq": 7400, "regions": kidney} for month in (1, 3)]
    (folder / "given.json").write_text(json.dumps({"format": "RNTDosimetry course", "version": 1, "cycles": cycles}))
    result = cohort.ROAD.run_file(request_of(folder, studies=["given.json", "p1/study.json"], workers=1), folder=tmp_path)
    assert result.failed == ()
    rows = [row for row in result.rows if row.study == "given"]
    assert [(row.cycle, row.region, row.site, row.dose_gy) for row in rows] == [
        (1, "kidney_left", "kidney", 4.0),
        (2, "kidney_left", "kidney", 4.0),
    ]
    assert [row.dose_per_activity_gy_per_gbq for row in rows] == pytest.approx([4 / 7.4] * 2)
    assert result.rows[-1].study == "p1"
