import pytest

from RNTDosimetryLib.phantom import make_phantom


@pytest.fixture(scope="session")
def default_patient(tmp_path_factory):
    """Blur, noise and motion; NM with real world values, and SEG."""
    return make_phantom(tmp_path_factory.mktemp("default"), size="small", seed=7)


@pytest.fixture(scope="session")
def plain_patient(tmp_path_factory):
    """No blur, noise or motion; NM with rescale and PT, corrected to the administration; SEG and RTSTRUCT."""
    return make_phantom(
        tmp_path_factory.mktemp("plain"),
        size="small",
        seed=7,
        blur=False,
        noise=False,
        motion=False,
        spect_format=("NM", "PT"),
        contour_format=("SEG", "RTSTRUCT"),
        decay_correction="ADMIN",
        nm_scaling="RESCALE",
    )
