"""The header of one slice as a record: read once from its DICOM data set, then passed on instead of it."""

import re
from dataclasses import dataclass

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.tags import number_of, tag_label


@dataclass(frozen=True)
class SliceHeader:
    """Where one image lies and how its stored values are meant. None: the header does not say.

    name: of the file, for sentences. kinds: words of Image Type and Frame Type, in capitals. shape: rows, columns. spacing_mm: between rows,
    between columns. axes: directions of a row and of a column, LPS. position_lps_mm: of the first pixel. slope, intercept: of Rescale. frames: that it says it
    holds. has_lut: its stored values go through a table (Modality LUT) and not through slope and intercept.
    """

    name: str
    kinds: tuple[str, ...]
    shape: tuple[int, int]
    spacing_mm: tuple[float, ...] | None
    axes: tuple[float, ...] | None
    position_lps_mm: tuple[float, ...] | None
    thickness_mm: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    padding: int | None
    samples: int
    frames: int
    has_lut: bool

    @classmethod
    def of(cls, dataset, name: str) -> "SliceHeader":
        """Raises DosimetryError for a value that is no number."""

        def numbers(keyword: str) -> tuple[float, ...] | None:
            value = dataset.get(keyword)
            if value is None or isinstance(value, str) or not hasattr(value, "__len__"):
                return None
            return tuple(number_of(item, f"{keyword} of {name}") for item in value)

        def number(keyword: str) -> float | None:
            value = dataset.get(keyword)
            return None if value in (None, "") else number_of(value, f"{tag_label(keyword)} of {name}")

        rows, columns, samples, padding, frames = (
            number(key) for key in ("Rows", "Columns", "SamplesPerPixel", "PixelPaddingValue", "NumberOfFrames")
        )
        return cls(
            name=name,
            kinds=kinds_of(dataset),
            shape=(int(rows or 0), int(columns or 0)),
            spacing_mm=numbers("PixelSpacing"),
            axes=numbers("ImageOrientationPatient"),
            position_lps_mm=numbers("ImagePositionPatient"),
            thickness_mm=number("SliceThickness"),
            slope=number("RescaleSlope"),
            intercept=number("RescaleIntercept"),
            rescale_type=str(dataset.get("RescaleType", "") or "").strip().upper(),
            padding=None if padding is None else int(padding),
            samples=int(samples or 1),
            frames=int(frames or 1),
            has_lut=bool(dataset.get("ModalityLUTSequence")),
        )

    def needed(self, field: str, keyword: str, count: int, what: str) -> tuple[float, ...]:
        """The numbers of a field. Raises DosimetryError where there are not as many as there must be."""
        value = getattr(self, field)
        if value is None or len(value) != count:
            raise DosimetryError(
                f"Expected {count} numbers for {keyword} in {what}, received {value} in {self.name}; repair the file, or name it in ignore."
            )
        return value


def words_of(header, keyword: str = "ImageType") -> list[str]:
    """Values of a text element in capitals; also when a writer put a whole list with brackets and quotes into one value."""
    value = header.get(keyword)
    values = [] if value is None else list(value) if hasattr(value, "append") else [value]
    parts = [part for item in values for part in re.split(r"[\\,]", str(item))]
    return [part.strip(" []'\"").upper() for part in parts]


def kinds_of(header) -> tuple[str, ...]:
    """Words of Image Type, and of the frame's own type in objects with frames (PS3.3 C.7.6.1.1.2, C.8.15.3.9)."""
    return tuple(dict.fromkeys(word for word in (*words_of(header), *words_of(header, "FrameType")) if word))
