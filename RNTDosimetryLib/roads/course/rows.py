"""The regions of a course as rows of the tidy table: one a region and cycle, and what was given beside the cycles."""

from RNTDosimetryLib.roads.course.result import CourseResult
from RNTDosimetryLib.roads.therapy.rows import site_of
from RNTDosimetryLib.roads.tidy import RegionRow


def course_rows(result: CourseResult, study: str = "") -> tuple[RegionRow, ...]:
    """Rows of what has a dose. A cycle that was not measured but estimated is marked in the model, and other therapies have no cycle."""
    name = study or result.request.title
    cycles = {cycle.number: cycle for cycle in result.cycles}
    found = []
    for region in result.regions.values():
        for item in region.doses:
            if item.dose_gy is None:
                continue
            cycle = cycles.get(item.cycle)
            known = item.gy_per_gbq is not None and item.dose_uncertainty_gy is not None and item.dose_gy > 0
            found.append(
                RegionRow(
                    study=name,
                    region=region.name,
                    patient=name,
                    cycle=item.cycle or None,
                    kind=region.kind,
                    site=site_of(region.name) if region.kind == "organ" else "",
                    nuclide="" if cycle is None else cycle.nuclide,
                    administered_activity_mbq=None if cycle is None else cycle.administered_activity_mbq,
                    model=f"estimated: {item.estimated}" if item.estimated else "",
                    dose_gy=item.dose_gy,
                    dose_uncertainty_gy=item.dose_uncertainty_gy,
                    dose_per_activity_gy_per_gbq=item.gy_per_gbq,
                    dose_per_activity_uncertainty_gy_per_gbq=item.gy_per_gbq * item.dose_uncertainty_gy / item.dose_gy
                    if known
                    else None,
                    bed_gy=item.bed_gy,
                    eqd2_gy=item.eqd2_gy,
                )
            )
    return tuple(found)
