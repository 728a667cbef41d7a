"""A setting is declared once: study file, parameter node, panel, report and page follow, and a study file always wins over the panel."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from RNTDosimetryLib.base.settings import settings_of
from RNTDosimetryLib.roads.therapy import StudySettings
from RNTDosimetryLib.roads.therapy.request import Study
from RNTDosimetryLib.roads.therapy.run import Stamps, step_keys
from RNTDosimetryLib.roads.therapy.settings import STEPS
from RNTDosimetryLib.roads.therapy.tables import settings_table

ROOT = Path(__file__).resolve().parents[2]
DECLARED = settings_of(StudySettings)
IDENTITY = tuple(map(tuple, np.eye(4).tolist()))


def other_value(item):
    """A value that is not the default."""
    if item.choices:
        return next(word for word in item.choices if word != item.default)
    if item.kind is bool:
        return not item.default
    if item.kind is float:
        return 0.5 * (item.least + item.most) if item.default != 0.5 * (item.least + item.most) else item.least
    return {"model": "mono", "registrations": (IDENTITY, IDENTITY, IDENTITY, IDENTITY)}[item.name]


OTHERS = {item.name: other_value(item) for item in DECLARED}


@pytest.mark.parametrize("item", DECLARED, ids=lambda item: item.name)
def test_everything_follows_from_the_declaration(item, panel, library_run):
    _container, widget = panel
    schema = json.loads((ROOT / "Resources" / "schemas" / "study.schema.json").read_text(encoding="utf-8"))
    assert item.name in schema["$defs"]["StudySettings"]["properties"]
    assert item.label
    assert item.help
    assert item.step in STEPS
    assert item.label in [row[0] for row in settings_table(library_run[1]).rows]
    assert any(
        f"| `{item.name}` |" in line for line in (ROOT / "docs" / "study_file.md").read_text(encoding="utf-8").splitlines()
    )
    if item.parameter:
        assert hasattr(widget._parameterNode, item.parameter)
    if item.section:
        from RNTDosimetryPanel.settings import name_of

        field = getattr(widget.ui, name_of(item))
        assert field.toolTip == item.help
        assert field.property("SlicerParameterName") == item.parameter


def settings_with(*names):
    """Settings with other values than the defaults, without those that exclude one another."""
    values = {name: OTHERS[name] for name in names}
    return replace(StudySettings(), **values)


@pytest.mark.parametrize("name", [item.name for item in DECLARED])
def test_a_file_wins_over_whatever_the_panel_holds(name, logic, study_path):
    """From a setting that is not the default to a file with all defaults, and back, and to every other setting alone."""
    from RNTDosimetryScene.study.inputs import study_of_scene
    from RNTDosimetryScene.study.settings import settings_of_node, take_settings

    node = logic.addStudy("settings")
    if name == "registrations":
        node = logic.loadStudyFile(study_path, node)
    for settings in (
        settings_with(name),
        StudySettings(),
        *(settings_with(other) for other in OTHERS if other != "registrations"),
        settings_with(name),
    ):
        take_settings(node, settings)
        if settings.registrations is not None:
            assert node.registrationMethod.value == "scene"
            settings = replace(settings, registrations=None)
        assert settings_of_node(node) == settings
        assert study_of_scene(node).settings == settings


@pytest.mark.parametrize("method", ["NONE", "ACTIVITY", "SCENE", "BRAINSFIT"])
def test_a_panel_without_registration_computes_a_loaded_study_on_registered_scans(method, logic, study_path, library_run):
    """The fault that this mends: doses on scans that were never registered, though the file asks for it."""
    node = logic.addStudy("earlier")
    node.registrationMethod = type(node.registrationMethod)[method]
    logic.loadStudyFile(study_path, node)
    found = logic.runStep("register", node)
    for alignment, expected in zip(found, library_run[1].alignments):
        np.testing.assert_allclose(alignment.matrix, expected.matrix, atol=1e-6)


def test_a_step_is_stale_exactly_when_a_setting_changes_that_it_or_a_step_before_it_reads():
    stamps = Stamps(0, ("a", "b"), ("c", "d"), ("liver",), "Lu-177")
    before = step_keys(Study(dicom_folder="x"), stamps)
    for item in DECLARED:
        after = step_keys(Study(dicom_folder="x", settings=settings_with(item.name)), stamps)
        stale = [step for step in STEPS if after[step] != before[step]]
        assert stale == list(STEPS[STEPS.index(item.step) :]), item.name
