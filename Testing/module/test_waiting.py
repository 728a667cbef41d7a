"""No click leaves the user without a sign: whatever computes does so under a wait cursor or with progress.

Time on a shared machine is no measure. What is counted instead is the work that a click does outside of a wait cursor: Python calls, a
million of which take about 0.2 s or more, and calls of the library's rooms that compute, of which there may be none.
"""

import sys

import pytest

COMPUTING = (
    "RNTDosimetryLib.roads.therapy.run.compute",
    "RNTDosimetryLib.roads.therapy.run.run_study",
    "RNTDosimetryLib.roads.therapy.steps",
    "RNTDosimetryLib.roads.therapy.outputs",
    "RNTDosimetryLib.validation.run_validation",
    "RNTDosimetryLib.demo",
    "RNTDosimetryLib.phantom",
    "RNTDosimetryLib.roads.therapy.images",
    "RNTDosimetryLib.registration.rigid",
    "RNTDosimetryLib.measurement.activity",
    "RNTDosimetryLib.images.dicom",
    "RNTDosimetryLib.kinetics.fits",
    "RNTDosimetryLib.kinetics.voxel",
    "RNTDosimetryLib.dose.maps",
    "RNTDosimetryLib.dose.kernel",
    "RNTDosimetryLib.dose.histogram",
    "RNTDosimetryLib.roads.plan.scout",
    "SimpleITK",
    "scipy.optimize",
    "scipy.signal",
)
QUICK = (".versions", ".Version_VersionString")
"""Asked at every look at the state: they only read attributes."""
MOST_CALLS = 400_000
LEAVES_THE_PANEL = ("editSegmentsButton",)
FIRST = ("applyButton", "writeButton")
LAST = ("applyButton", "loadButton", "phantomButton", "removeTimePointButton", "clearTimePointsButton")
"""Writing wants results; the last ones replace or take away what the others work on."""


class Watch:
    """Counts what runs while no wait cursor is set."""

    def __init__(self):
        self.cursors = 0
        self.calls = 0
        self.computing = set()

    def set_cursor(self, *unused):
        self.cursors += 1

    def restore_cursor(self, *unused):
        self.cursors -= 1

    def profile(self, frame, event, argument):
        if event == "call" and self.cursors == 0:
            self.calls += 1
            name = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}"
            if name.startswith(COMPUTING) and not name.endswith(QUICK):
                self.computing.add(name)

    def __enter__(self):
        sys.setprofile(self.profile)
        return self

    def __exit__(self, *unused):
        sys.setprofile(None)


@pytest.fixture
def watch(monkeypatch, module):
    import slicer

    found = Watch()
    monkeypatch.setattr(slicer.app, "setOverrideCursor", found.set_cursor, raising=False)
    monkeypatch.setattr(slicer.app, "restoreOverrideCursor", found.restore_cursor, raising=False)
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: None)
    return found


def buttons(widget) -> list[str]:
    import qt

    return sorted(
        name for name in vars(widget.ui) if name.endswith("Button") and isinstance(getattr(widget.ui, name), qt.QPushButton)
    )


def test_every_click_has_a_sign_of_work(computed_panel, watch, patient, tmp_path):
    """Every button of the panel, on a computed study with a row clicked in every table and a folder chosen."""
    import qt

    _container, widget = computed_panel
    widget.ui.dicomFolderPathLineEdit.currentPath = str(patient.dicom_folder)
    widget.ui.outputFolderPathLineEdit.currentPath = str(tmp_path)
    for table in vars(widget.ui).values():
        if isinstance(table, qt.QTableWidget) and table.rowCount > 1:
            table.selectRow(1)
    clicked = []
    others = [name for name in buttons(widget) if name not in (*FIRST, *LAST, *LEAVES_THE_PANEL)]
    for name in (*FIRST, *others, *LAST):
        button = getattr(widget.ui, name)
        if button.enabled:
            check_click(button, name, watch)
            clicked.append(name)
    assert len(clicked) > 20
    assert set(clicked) >= {*FIRST, "registerButton", "measureButton", "fitButton", "doseButton", "loadButton"}


def check_click(button, name, watch):
    watch.calls, watch.computing = 0, set()
    with watch:
        button.click()
    assert watch.cursors == 0, name
    assert watch.computing == set(), name
    assert watch.calls < MOST_CALLS, name


def test_a_click_on_a_region_and_another_model_have_a_sign_too(computed_panel, watch):
    _container, widget = computed_panel
    widget.ui.applyButton.click()
    watch.calls, watch.computing = 0, set()
    with watch:
        widget.ui.kineticsTableWidget.selectRow(3)
        widget.ui.doseTableWidget.selectRow(2)
        widget.ui.regionModelComboBox.currentText = "physical"
        widget.ui.regionModelComboBox.currentText = "as all regions"
    assert watch.computing == set()
    assert watch.calls < 4 * MOST_CALLS


def test_the_watch_sees_work_without_a_cursor(watch, library_run):
    """The rule can fail: the same work outside of a click is seen."""
    from RNTDosimetryLib.roads.therapy import steps

    images, result = library_run
    with watch:
        steps.fit([item.curve for item in result.regions], images.nuclide, result.study)
    assert "RNTDosimetryLib.roads.therapy.steps.fit" in watch.computing
    watch.computing.clear()
    watch.set_cursor()
    with watch:
        steps.fit([item.curve for item in result.regions], images.nuclide, result.study)
    assert watch.computing == set()
