"""Coded names and colours of the drawn regions for segmentations and structure sets."""

from dataclasses import dataclass

from RNTDosimetryLib.base.resources import read_json


@dataclass(frozen=True)
class RegionCode:
    """category, type, modifier (left, right): (code value, scheme, meaning). rgb: 0 to 255. cielab: as DICOM stores it, 0 to 65535."""

    meaning: str
    category: tuple[str, str, str]
    type: tuple[str, str, str]
    rgb: tuple[int, int, int]
    modifier: tuple[str, str, str] | None = None

    @property
    def cielab(self) -> tuple[int, int, int]:
        return _cielab(self.rgb)


def region_code(name: str) -> RegionCode:
    """Code of a region of ``Resources/phantom/region_codes.json``."""
    data = read_json("phantom", "region_codes.json")
    item = data["regions"][name]
    return RegionCode(
        meaning=item["meaning"],
        category=tuple(data["categories"][item["category"]]),
        type=tuple(item["type"]),
        rgb=tuple(item["rgb"]),
        modifier=tuple(item["modifier"]) if "modifier" in item else None,
    )


def _cielab(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """sRGB (D65) to CIELab scaled to 16 bit as in DICOM PS3.3 C.10.7.1.1; the D65 white is used without adaptation."""
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in rgb]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.0890)
    x, y, z = (_lab_curve(sum(a * b for a, b in zip(row, linear)) / w) for row, w in zip(rows, white))
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    scaled = (lightness / 100 * 65535, (a + 128) / 255 * 65535, (b + 128) / 255 * 65535)
    return tuple(min(max(round(value), 0), 65535) for value in scaled)


def _lab_curve(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
