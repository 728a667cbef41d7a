"""Words on terminals that lack letters, on pipes that close, and words from files that are no words."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from RNTDosimetryLib.base.terminal import Outlet, encodable, on_any_terminal
from RNTDosimetryLib.base.words import printable

ROOT = Path(__file__).resolve().parents[2]
PRINTS = (
    "import sys\nfrom RNTDosimetryLib.base.terminal import on_any_terminal\n"
    "@on_any_terminal\ndef main():\n    for _ in range({count}): print('Dose (Gy) 1.2×10⁻⁵ ± 0.3 ─ Δ 肝 \\x1b[2J\\u202e')\n"
    "    open(sys.argv[1], 'w').write('done')\n    return 0\nsys.exit(main())\n"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("left kidney", "left kidney"),
        ("Müller µ 肝臓 ±", "Müller µ 肝臓 ±"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("a\u2066b\u2069\u200e\u061c", "a\\u2066b\\u2069\\u200e\\u061c"),
        ("a\x07\x00\x7f\x9b1m", "a\\x07\\x00\\x7f\\x9b1m"),
        ("a\r\nb\tc\u2028d", "a  b c d"),
        ("\udcff\ufffe\U000e0041\ufeff", "\\udcff\\ufffe\\U000e0041\\ufeff"),
        ("نصف\u200cفاصله", "نصف\u200cفاصله"),
    ],
)
def test_text_from_files_shows_what_it_holds(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "1.2×10⁻⁵ ± 0.3 − Δ"), ("cp1252", "1.2x10^-5 +/- 0.3 - \\u0394"), ("ascii", "1.2x10^-5 +/- 0.3 - \\u0394"), ("cp437", "1.2x10^-5 +/- 0.3 - \\u0394")],
)  # fmt: skip
def test_an_encoding_that_lacks_a_letter_has_a_plain_one(encoding, shown):
    assert encodable("1.2×10⁻⁵ ± 0.3 − Δ", encoding) == shown


def test_what_an_encoding_holds_is_not_touched():
    assert encodable("12 ± 3 µm", "cp1252") == "12 ± 3 µm"


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO(), "ascii")])
def test_an_outlet_of_any_stream_takes_any_text(stream):
    outlet = Outlet(stream)
    assert outlet.write("Δ\x1b\n") == 3
    outlet.flush()
    if stream is not None:
        assert stream.buffer.getvalue() == b"\\u0394\\x1b\n"
        stream.close()
        outlet.write("nobody hears this")


def test_the_streams_come_back_after_it(capsys):
    before = sys.stdout
    assert on_any_terminal(lambda: print("Δ"))() is None
    assert sys.stdout is before
    assert capsys.readouterr().out == "Δ\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_program_under_any_encoding_comes_to_its_end(tmp_path, encoding):
    done = subprocess.run(
        [sys.executable, "-c", PRINTS.format(count=1), tmp_path / "done"], cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert (tmp_path / "done").read_text() == "done"


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_pipe_that_closes_ends_nothing(tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-c", PRINTS.format(count=20000), tmp_path / "done"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == 0
    assert (tmp_path / "done").read_text() == "done"
