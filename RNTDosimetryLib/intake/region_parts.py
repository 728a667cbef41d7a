"""What is read of one file with regions: those that can be used, and those left out by name. One bad part never refuses the whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.plane_stack import PlacedMask
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.intake.drawn_on import DrawnOn

_NOTES = {
    "holes": lambda **values: warned("region_with_holes", **values),
    "crossing": lambda **values: warned("region_with_crossing_contours", **values),
    "twice": lambda **values: warned("region_with_contours_twice", **values),
    "one_plane": lambda **values: warned("region_in_one_plane", **values),
    "forgotten": lambda **values: warned("region_plane_forgotten", **values),
    "apart": lambda **values: warned("region_in_pieces", **values),
    "few_planes": lambda **values: warned("region_on_few_slices", **values),
    "stated_otherwise": lambda **values: warned("region_slab_stated_otherwise", **values),
}
"""Kind of warning of what the geometry noticed."""


@dataclass(frozen=True)
class Drawn:
    """One region as it was read, before its name is made unique. number_word: what its number is called in the file."""

    name: str
    number: int
    number_word: str
    kind: str
    placed: PlacedMask
    on: DrawnOn


@dataclass(frozen=True)
class ReadRegion:
    """A region, the image it was drawn on, and its name in the file."""

    region: Region
    on: DrawnOn
    name_in_file: str


@dataclass(eq=False)
class RegionsOfFile:
    """Collects the regions of one file. where: its label. warnings: of the intake. left_out: reason by name."""

    where: str
    warnings: list[str]
    drawn: list[Drawn] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def add(self, drawn: Drawn) -> None:
        self.drawn.append(drawn)

    def leave_out(self, name: str, reason: str) -> None:
        """A region that is not read, and why."""
        self.left_out[name] = reason.rstrip(".")
        self.warn(warned("region_left_out", region=name, where=self.where, reason=reason.rstrip(".")))

    @contextmanager
    def leaving_out(self, name: str) -> Iterator[None]:
        """What is wrong with one region leaves it out by its name."""
        try:
            yield
        except DosimetryError as error:
            self.leave_out(name, str(error))

    def regions(self) -> tuple[ReadRegion, ...]:
        """The regions; those of one name are told apart by their numbers in the file."""
        names = [item.name for item in self.drawn]
        found = []
        for item in self.drawn:
            name = item.name
            if names.count(name) > 1:
                name = f"{item.name} ({item.number_word} {item.number})"
                self.warn(warned("region_named_twice", region=item.name, name=name, where=self.where))
            region = Region(name, item.placed.geometry, item.placed.occupancy, kind=item.kind)
            for kind, numbers in item.placed.notes:
                self.warn(_NOTES[kind](region=name, where=self.where, **numbers))
            found.append(ReadRegion(region, item.on, item.name))
        return tuple(found)
