"""A folder of results is the old one or the new one, whatever happens while it is written."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from RNTDosimetryLib.base.documents import refuse_other_file, sha256_of_file, whole_folder, write_json, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.folders import settle

ASIDE = ".writing"


def fill(folder, word, names=("dose.txt", "report.txt")):
    with whole_folder(folder) as place:
        write_json(place / "results.json", {"format": "test", "word": word})
        for name in names:
            write_text(place / name, word * 1000)


def state(folder) -> str:
    """The word of what is there whole; fails for a mixture and for a part."""
    content = json.loads((folder / "results.json").read_text())
    assert content["files"] == {name: sha256_of_file(folder / name) for name in content["files"]}
    return content["word"]


def test_the_seal_holds_every_other_file(tmp_path):
    fill(tmp_path, "old")
    assert state(tmp_path) == "old"
    assert set(json.loads((tmp_path / "results.json").read_text())["files"]) == {"dose.txt", "report.txt"}
    assert {item.name for item in tmp_path.iterdir()} == {"results.json", "dose.txt", "report.txt"}


def test_a_failure_on_the_way_leaves_the_old(tmp_path):
    fill(tmp_path, "old")
    with pytest.raises(DosimetryError, match="Expected an existing folder"):
        fill(tmp_path, "new", ("dose.txt", "missing/dose.txt"))
    assert state(tmp_path) == "old"
    assert not (tmp_path / ASIDE).exists()


def test_files_that_are_not_written_again_go_unless_somebody_changed_them(tmp_path):
    fill(tmp_path, "old", ("dose.txt", "map.txt", "noted.txt"))
    (tmp_path / "noted.txt").write_text("with a remark")
    (tmp_path / "own.txt").write_text("of the user")
    fill(tmp_path, "new", ("dose.txt",))
    assert {item.name for item in tmp_path.iterdir()} == {"results.json", "dose.txt", "noted.txt", "own.txt"}


def test_a_changed_file_is_refused_beside_its_seal(tmp_path):
    fill(tmp_path, "old")
    refuse_other_file(tmp_path / "dose.txt", tmp_path / "results.json")
    (tmp_path / "dose.txt").write_text("another")
    with pytest.raises(DosimetryError, match=r"Expected dose.txt as it was written with results.json"):
        refuse_other_file(tmp_path / "dose.txt", tmp_path / "results.json")


def test_a_living_writer_is_named(tmp_path):
    with whole_folder(tmp_path) as place:
        write_json(place / "results.json", {})
        with pytest.raises(DosimetryError, match=f"process {os.getpid()} on .* writing there; wait"):
            fill(tmp_path, "second")
        with pytest.raises(DosimetryError, match="wait, or choose another folder"):
            settle(tmp_path)


@pytest.mark.parametrize(
    ("who", "still_s", "dead"),
    [
        ({"host": socket.gethostname(), "process": 2**22 + 1, "since": "then"}, 0, True),
        ({"host": "elsewhere", "process": 1, "since": "then"}, 60, False),
        ({"host": "elsewhere", "process": 1, "since": "then"}, 3600, True),
        (None, 0, True),
    ],
)
def test_the_lock_of_a_dead_writer_gives_way(tmp_path, who, still_s, dead):
    fill(tmp_path, "old")
    aside = tmp_path / ASIDE
    aside.mkdir()
    if who is not None:
        (aside / "who.json").write_text(json.dumps(who))
    moment = time.time() - still_s
    for item in (*aside.iterdir(), aside):
        os.utime(item, (moment, moment))
    if dead:
        fill(tmp_path, "new")
        assert state(tmp_path) == "new"
    else:
        with pytest.raises(DosimetryError, match="wait, or choose another folder"):
            fill(tmp_path, "new")
        assert state(tmp_path) == "old"


WRITER = """
    import sys, os
    from pathlib import Path
    from RNTDosimetryLib.base.documents import whole_folder, write_json, write_text
    at, calls = int(sys.argv[2]), 0

    def counted(function):
        def call(*arguments, **named):
            global calls
            calls += 1
            if calls == at:
                os.kill(os.getpid(), 9)
            return function(*arguments, **named)
        return call

    for name in ("replace", "unlink", "mkdir", "rename", "fsync", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    with whole_folder(Path(sys.argv[1])) as place:
        write_json(place / "results.json", {"format": "test", "word": "new"})
        write_text(place / "dose.txt", "new" * 1000)
        write_text(place / "report.txt", "new" * 1000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process is killed by a signal")
def test_a_kill_at_any_step_leaves_old_or_new(tmp_path):
    """The process is killed before every change of the file system, one after the other; whoever comes next finds one of the two whole."""
    found = []
    for at in range(1, 60):
        folder = tmp_path / str(at)
        fill(folder, "old", ("dose.txt", "report.txt", "map.txt"))
        run = subprocess.run([sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(at)], check=False)
        settle(folder)
        found.append(state(folder))
        assert not (folder / ASIDE).exists()
        expected = {"results.json", "dose.txt", "report.txt"} | ({"map.txt"} if found[-1] == "old" else set())
        assert {item.name for item in folder.iterdir()} == expected
        if run.returncode != -signal.SIGKILL:
            break
    assert run.returncode == 0
    assert found == sorted(found, reverse=True)
    assert found[0] == "old"
    assert found.count("new") > 2


def test_the_first_file_must_be_able_to_hold_the_seal(tmp_path):
    with pytest.raises(ValueError, match="cannot hold the seal"), whole_folder(tmp_path) as place:
        write_text(place / "report.html", "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_patient_is_left_as_it_was(tmp_path):
    with whole_folder(tmp_path, {"patient": "a1", "administration": "2026-01-10T09:00:00"}):
        write_json(tmp_path / "results.json", {"dose_gy": 1.0})
    before = (tmp_path / "results.json").read_bytes()
    others = ({"patient": "b2"}, {"patient": "a1", "administration": "2026-03-21T09:00:00"})
    for other, word in zip(others, ("patient a1 and this is of b2", "administration 2026-01-10T09:00:00")):
        with pytest.raises(DosimetryError, match=word), whole_folder(tmp_path, other):
            write_json(tmp_path / "results.json", {"dose_gy": 2.0})
        assert (tmp_path / "results.json").read_bytes() == before
    # The same therapy again, and results of which nothing is known, are welcome.
    for known in ({"patient": "a1"}, {}):
        with whole_folder(tmp_path, known):
            write_json(tmp_path / "results.json", {"dose_gy": 3.0})
    assert json.loads((tmp_path / "results.json").read_text())["dose_gy"] == 3.0
