"""What a slot or an observer raises is printed by Qt and VTK; the host collects it."""

import host
from host.errors import collected_errors

host.start_application()


def fail(*ignored):
    raise ValueError("Expected nothing of this slot.")


def test_errors_of_slots_and_observers_are_collected(application, scene):
    import qt

    button = qt.QPushButton()
    button.connect("clicked()", fail)
    button.clicked.connect(fail)
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    tag = node.AddObserver("ModifiedEvent", fail)
    with collected_errors() as errors:
        button.click()
        node.Modified()
    node.RemoveObserver(tag)
    assert [str(error) for error in errors] == ["Expected nothing of this slot."] * 3


def test_nothing_is_collected_without_errors(application):
    with collected_errors() as errors:
        application.processEvents()
    assert errors == []
