"""The phantom in the module Sample Data: Slicer's own module when its sources are there, else a stand-in of its register."""

import sys
import types

import pytest
from host.framework import slicer_sources


@pytest.fixture
def sample_data(module, monkeypatch):
    """The module SampleData, importable while the test runs."""
    import slicer

    sources = slicer_sources()
    if sources is not None:
        monkeypatch.syspath_prepend(str(sources / "Modules" / "Scripted" / "SampleData"))
    else:
        registered = {}

        class SampleDataLogic:
            @staticmethod
            def registerCustomSampleDataSource(category, sampleName, uris, thumbnailFileName, customDownloader):
                source = types.SimpleNamespace(
                    sampleName=sampleName, thumbnailFileName=thumbnailFileName, customDownloader=customDownloader
                )
                registered.setdefault(category, []).append(source)

        stand_in = types.ModuleType("SampleData")
        stand_in.SampleDataLogic = SampleDataLogic
        monkeypatch.setitem(sys.modules, "SampleData", stand_in)
        monkeypatch.setattr(slicer.modules, "sampleDataSources", registered, raising=False)
    yield
    sys.modules.pop("SampleData", None)


def test_without_sample_data_nothing_is_registered(module, monkeypatch):
    import slicer

    monkeypatch.delattr(slicer.modules, "sampleDataSources", raising=False)
    monkeypatch.setitem(sys.modules, "SampleData", None)
    module.instance.registerSampleData()
    assert not hasattr(slicer.modules, "sampleDataSources")


def test_the_phantom_is_generated_when_it_is_asked_for(sample_data, module, scene, study_path, monkeypatch):
    import slicer
    from RNTDosimetryScene.study import samples

    # The generator itself is tested with the phantom; here it is enough that it is asked.
    monkeypatch.setattr(samples, "make_phantom", lambda: study_path)
    module.instance.registerSampleData()
    module.instance.registerSampleData()
    sources = [
        source for source in slicer.modules.sampleDataSources["RNTDosimetry"] if source.sampleName == "RNTDosimetryPhantom"
    ]
    assert len(sources) == 1
    assert sources[0].thumbnailFileName.endswith("Icons/RNTDosimetry.png")
    nodes = sources[0].customDownloader(sources[0])
    assert [node.GetName() for node in nodes if node.IsA("vtkMRMLScalarVolumeNode")][:2] == ["CT 4.1 h", "CT 23.7 h"]
    assert nodes[-1].GetSegmentation().GetNumberOfSegments() == 9


def test_the_phantom_is_made_in_the_temporary_folder(module, monkeypatch, tmp_path):
    import slicer
    from RNTDosimetryScene.study import samples

    made = []
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path), raising=False)
    monkeypatch.setattr(
        samples, "make_demo_patient", lambda folder, size: made.append((folder, size)) or types.SimpleNamespace(folder=tmp_path)
    )
    assert samples.make_phantom().startswith(str(tmp_path))
    assert made == [(str(tmp_path / "RNTDosimetryPhantom"), "small")]
