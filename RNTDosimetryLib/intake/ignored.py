"""What a person leaves out of a folder: files, series and regions, by UID, file name or region name (overrides ``ignore`` and ``ignore_series``)."""

from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import FoundSeries


@dataclass(frozen=True)
class Ignored:
    """wanted: what was named. folder: that it is looked for in."""

    wanted: frozenset[str]
    folder: Path

    @classmethod
    def of(cls, ledger: Ledger, folder: Path) -> "Ignored":
        named = [*(ledger.overrides.get("ignore_series") or ()), *(ledger.overrides.get("ignore") or ())]
        for name in sorted(set(named)):
            ledger.record("ignored", name, "", "", "", "override")
        return cls(frozenset(named), Path(folder))

    def series_left(self, found, unused) -> tuple[FoundSeries, ...]:
        """The series that are not left out."""
        return tuple(item for item in found if not self._names_of(item) & self.wanted)

    def regions_left(self, regions) -> list:
        """The regions that are not left out."""
        return [region for region in regions if region.name not in self.wanted]

    def check(self, series, regions) -> None:
        """Raises DosimetryError for a name that is neither of a series or file nor of a region."""
        there = {name for item in series for name in self._names_of(item)} | set(regions)
        missing = sorted(self.wanted - there)
        if missing:
            raise DosimetryError(
                f"Expected series, files or regions of this folder in ignore or ignore_series, received '{missing[0]}', which is not there; correct it or take it out."
            )

    def _names_of(self, series: FoundSeries) -> set[str]:
        names = {series.uid, str(series.header.get("SeriesInstanceUID", "") or "")}
        for item in series.objects:
            path = Path(item.path)
            names |= {path.name, str(item.header.get("SOPInstanceUID", "") or "")}
            if path.is_relative_to(self.folder):
                names.add(path.relative_to(self.folder).as_posix())
        return names - {""}
