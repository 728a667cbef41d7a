"""What a person leaves out of a folder: files, series and regions, by file name, UID or region name (overrides ``ignore`` and ``ignore_series``)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.region_parts import ReadRegion
from RNTDosimetryLib.intake.series import FoundSeries


@dataclass(eq=False)
class Ignored:
    """wanted: what was named, by the override that named it. folder: that it is looked for in."""

    wanted: dict[str, str]
    folder: Path
    found: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, ledger: Ledger, folder) -> "Ignored":
        named = {name: key for key in ("ignore", "ignore_series") for name in ledger.overrides.get(key) or ()}
        for name in sorted(named):
            ledger.record("ignored", name, "", "", "", "override")
        return cls(named, Path(folder))

    def takes_file(self, path: Path) -> bool:
        """Whether a file is left out by its name, or its path in the folder."""
        return self._takes(
            {path.name, path.relative_to(self.folder).as_posix()} if path.is_relative_to(self.folder) else {path.name}
        )

    def series_left(self, series: Sequence[FoundSeries]) -> tuple[FoundSeries, ...]:
        """The series that are not left out, without the instances that are."""
        kept = []
        for item in series:
            if self._takes({item.uid, item.uid.split("#")[0], str(item.header.get("SeriesInstanceUID", "") or "")}):
                continue
            objects = tuple(one for one in item.objects if not self._takes({str(one.header.get("SOPInstanceUID", "") or "")}))
            if objects:
                kept.append(item if len(objects) == len(item.objects) else replace(item, objects=objects))
        return tuple(kept)

    def regions_left(self, regions: Sequence[ReadRegion], left_out: Collection[str] = ()) -> list[ReadRegion]:
        """The regions that are not left out. left_out: names of those that cannot be used anyway."""
        self._takes(set(left_out))
        return [item for item in regions if not self._takes({item.region.name, item.name_in_file})]

    def check(self) -> None:
        """Raises DosimetryError for a name of nothing in the folder. Call it when all has been read."""
        missing = sorted(set(self.wanted) - self.found)
        if missing:
            raise DosimetryError(
                f"Expected series, files or regions of this folder for the override {self.wanted[missing[0]]}, received '{missing[0]}', which is not there; "
                "correct it or take it out."
            )

    def _takes(self, names: set[str]) -> bool:
        found = (names - {""}) & set(self.wanted)
        self.found |= found
        return bool(found)
