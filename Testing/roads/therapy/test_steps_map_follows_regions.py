"""The dose map scaled to the regions' recovery-corrected activity: its means and histograms follow the truth where blur had lowered them."""

from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.roads.therapy.images import with_settings
from RNTDosimetryLib.roads.therapy.run import run_study

ORGANS = ("kidney_left", "kidney_right", "liver", "spleen")


def following(study, **settings):
    return replace(study, settings=replace(study.settings, map_follows_regions=True, **settings))


@pytest.mark.parametrize("voxel_model", ["shared", "mono"])
def test_means_of_the_map_come_to_the_truth(small_patient, small_run, voxel_model):
    """Truth: analytic activities and a kernel dose map on a fine grid. The coarse camera of the small patient costs kidneys a quarter."""
    images, result = small_run
    found = run_study(images, following(result.study, voxel_model=voxel_model))
    for name in ORGANS:
        truth = small_patient.truth.regions[name].dose_kernel_gy
        assert abs(found.region(name).map_mean_gy / truth - 1) < 0.04, name
        assert found.region(name).histogram.mean_gy == found.region(name).map_mean_gy
        assert found.region(name).dose.dose_gy == pytest.approx(result.region(name).dose.dose_gy, rel=0.01)
    for name in ("kidney_left", "spleen"):
        assert result.region(name).map_mean_gy < 0.82 * small_patient.truth.regions[name].dose_kernel_gy
    said = [text for text in found.all_warnings() if "scaled" in text]
    assert any("kidney_left: its voxels were scaled by 1.3" in text for text in said)
    assert any("high just outside" in text for text in said)


def test_an_organ_that_holds_other_regions_is_left_as_it_is(small_run):
    images, result = small_run
    liver = next(region for region in images.regions if region.name == "liver")
    spleen = next(region for region in images.regions if region.name == "spleen")
    both = np.maximum(np.asarray(liver.occupancy), np.asarray(spleen.occupancy))
    regions = tuple(replace(region, occupancy=both) if region is liver else region for region in images.regions)
    study = following(result.study, lesions_out_of_organs=False)
    found = run_study(with_settings(replace(images, regions=regions), study), study)
    assert any(text.startswith("liver: its voxels were not scaled as a whole") for text in found.all_warnings())
    assert found.tia_map.fit.conserved
