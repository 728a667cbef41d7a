"""Runs every benchmark: ``python -m benchmarks [--out FOLDER] [NAME ...]``, e.g. ``python -m benchmarks kinetics``.

Prints a table and writes bench.json into the folder. Exit 0 when every requirement is met, 1 when one is not.
"""

import argparse
import importlib.util
import json
import operator
import os
import platform
import re
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
REQUIREMENT = re.compile(r"(<=|>=|<|>)\s*([-+0-9.eE]+)(\s.*)?")


def is_met(value: float, requirement: str) -> bool | None:
    """Whether a value meets a requirement such as ``"<= 60 on 2 cores"``; None for an empty one."""
    if not requirement:
        return None
    match = REQUIREMENT.fullmatch(requirement.strip())
    if match is None:
        raise ValueError(f"Expected a requirement such as '<= 60' or an empty one, received {requirement!r}.")
    return COMPARISONS[match[1]](value, float(match[2]))


def find(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """Benchmark files of the given subjects, all of them without names."""
    files = sorted(folder.glob("bench_*.py"))
    known = [file.stem.removeprefix("bench_") for file in files]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"Expected one of {', '.join(known)}, received {', '.join(unknown)}.")
    return [file for file, name in zip(files, known, strict=True) if not names or name in names]


def measure(file: Path) -> list[dict]:
    """Rows of one benchmark file."""
    specification = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    rows = []
    for name, value, unit, requirement in module.run():
        met = is_met(value, requirement)
        rows.append({"benchmark": file.stem, "name": name, "value": value, "unit": unit, "requirement": requirement, "met": met})
    return rows


def line(row: dict) -> str:
    """One row of the printed table."""
    mark = {None: "", True: "met", False: "NOT MET"}[row["met"]]
    return f"{row['name']:<60} {row['value']:>12.4g} {row['unit']:<8} {row['requirement']:<12} {mark}".rstrip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures and compares with the requirements.")
    parser.add_argument("names", nargs="*", help="subjects, all without")
    parser.add_argument("--out", default="out", help="folder for bench.json")
    options = parser.parse_args(arguments)
    try:
        files = find(options.names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    rows = []
    for file in files:
        start = time.perf_counter()
        found = measure(file)
        print(f"\n{file.stem} ({time.perf_counter() - start:.0f} s)")
        print("\n".join(line(row) for row in found), flush=True)
        rows += found
    target = Path(options.out) / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    target.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    missed = [row for row in rows if row["met"] is False]
    print(f"\n{len(rows)} values, {len(missed)} requirements not met; written to {target}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
