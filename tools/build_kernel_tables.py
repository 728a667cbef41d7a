"""Builds Resources/kernels/*.csv from the tables of the EGSnrc runs.

    python tools/build_kernel_tables.py --physics FOLDER --out Resources/kernels

--physics: folder with electron_kernels_water.csv and photon_kernels_water.csv, one row per energy and shell.
Written is one row per energy with a column per shell; no number is changed.
"""

import argparse
import csv
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--physics", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, build in (("electron", electron_table), ("photon", photon_table)):
        header, rows = read(arguments.physics / f"{name}_kernels_water.csv")
        write(arguments.out / f"{name}_kernels_water.csv", header, build(rows))


def read(path: Path) -> tuple[list[str], list[dict]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("#") and "columns:" not in line and "= R0*" not in line]
    return header, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def electron_table(rows: list[dict]) -> list[dict]:
    table = {}
    for row in rows:
        record = table.setdefault(row["energy_MeV"], {"energy_mev": row["energy_MeV"], "csda_range_g_cm2": row["csda_range_cm"]})
        low, high = row["scaled_radius_lo"], row["scaled_radius_hi"]
        name = "escape" if low == "escape" or high == "escape" else "beyond" if high == "inf" else high
        record[name] = row["fraction"]
    return list(table.values())


def photon_table(rows: list[dict]) -> list[dict]:
    table = {}
    for row in rows:
        key = (row["energy_MeV"], row["mode"])
        record = table.setdefault(key, {"energy_mev": key[0], "mode": key[1]})
        low, high = row["r_lo_cm"], row["r_hi_cm"]
        name = "escape" if low.startswith("escape") else "beyond" if high == "inf" else high
        record[name] = row["fraction"]
    return list(table.values())


def write(path: Path, header: list[str], table: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(header) + "\n")
        file.write(
            "# columns: one per shell, named by its outer radius (electrons: scaled by the CSDA range; photons: cm); value = fraction\n"
        )
        file.write(
            "# of the emitted energy deposited in the shell; beyond: outside the last shell, inside the sphere of the run; escape: the rest\n"
        )
        writer = csv.DictWriter(file, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()
