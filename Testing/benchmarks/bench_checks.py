"""How many calls a run of the small phantom spends on checking values that it has made itself."""

import re
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType

import RNTDosimetryLib
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient

LIBRARY = str(Path(RNTDosimetryLib.__file__).parent) + "/"
CHECK = re.compile(
    r"_?(check|refuse|require|positive_number|any_number|number_array|finite_array|non_negative|one_of|whole_number|as_numbers)"
)
LARGEST_COUNT = 16_198
"""A tenth of the 161,984 calls of the same run in release 0.4, where nine in ten were an image geometry checking itself."""


class Counter:
    """Counts the calls of the library that happen within a check or a constructor that checks."""

    def __init__(self) -> None:
        self.within = self.total = self.depth = 0
        self.stack: list[bool] = []
        self.known: dict[CodeType, bool] = {}

    def is_check(self, code: CodeType) -> bool:
        if code not in self.known:
            own = code.co_filename.startswith(LIBRARY)
            named = code.co_name == "__post_init__" or CHECK.match(code.co_name) or code.co_filename.endswith("base/checks.py")
            self.known[code] = bool(own and named)
        return self.known[code]

    def __call__(self, frame, event, _argument) -> None:
        if event == "call":
            self.stack.append(self.is_check(frame.f_code))
            self.depth += self.stack[-1]
            if frame.f_code.co_filename.startswith(LIBRARY):
                self.total += 1
                self.within += self.depth > 0
        elif event == "return" and self.stack:
            self.depth -= self.stack.pop()


def run():
    with tempfile.TemporaryDirectory() as folder:
        patient = make_demo_patient(Path(folder) / "patient", size="small", seed=7)
        counter = Counter()
        with redirect_stdout(StringIO()):
            sys.setprofile(counter)
            try:
                main(["run", str(patient.folder / STUDY_FILE), "--out", str(Path(folder) / "out")])
            finally:
                sys.setprofile(None)
    yield "calls within checks, small study", counter.within, "calls", f"<= {LARGEST_COUNT}"
    yield "share of all calls of the library", counter.within / counter.total, "", ""
