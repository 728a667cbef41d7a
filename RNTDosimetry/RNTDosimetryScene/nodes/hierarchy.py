"""Subject hierarchy: the patient and study folders, and the attributes by which SlicerRT knows a dose volume."""

import slicer


def _tree():
    return slicer.mrmlScene.GetSubjectHierarchyNode() or slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(
        slicer.mrmlScene
    )


def item_of(node) -> int:
    """Item of a node; made where the application has not made one."""
    tree = _tree()
    item = tree.GetItemByDataNode(node)
    return item if item else tree.CreateItem(tree.GetSceneItemID(), node)


def add_folders(patient_name: str, study_name: str) -> tuple[int, int]:
    """Patient and study item; existing ones of the same names are used again."""
    tree = _tree()
    scene = tree.GetSceneItemID()
    patient = tree.GetItemChildWithName(scene, patient_name) or tree.CreateSubjectItem(scene, patient_name)
    study = tree.GetItemChildWithName(patient, study_name) or tree.CreateStudyItem(patient, study_name)
    return patient, study


def study_names(patient, nuclide: str, administration_time) -> tuple[str, str]:
    """Names of the patient's and the study's folder. patient and administration_time may be None."""
    when = f" {administration_time:%Y-%m-%d}" if administration_time else ""
    return (f"Patient {patient.id_hash[:8]}" if patient is not None else "Patient"), f"{nuclide} therapy{when}"


def add_folder(parent_item: int, name: str) -> int:
    tree = _tree()
    return tree.GetItemChildWithName(parent_item, name) or tree.CreateFolderItem(parent_item, name)


def move(node, parent_item: int) -> None:
    _tree().SetItemParent(item_of(node), parent_item)


def remove(node) -> None:
    """Take a node out of the scene with its item, which is not left to the application: no item may outlive its node."""
    tree = _tree()
    item = tree.GetItemByDataNode(node)
    if item:
        tree.RemoveItem(item, False, False)
    if slicer.mrmlScene.IsNodePresent(node):
        slicer.mrmlScene.RemoveNode(node)


def study_of(node, name: str) -> int:
    """Study item above a node; one of this name is made where there is none."""
    tree = _tree()
    return tree.GetItemAncestorAtLevel(item_of(node), "Study") or tree.CreateStudyItem(tree.GetSceneItemID(), name)


def mark_as_dose(node, study_item: int) -> None:
    """Let SlicerRT take the volume for an absorbed dose in Gy: attributes on the volume and on its study item."""
    tree = _tree()
    tree.SetItemAttribute(study_item, "DicomRtImport.DoseUnitName", "GY")
    tree.SetItemAttribute(study_item, "DicomRtImport.DoseUnitValue", "1.0")
    node.SetAttribute("DicomRtImport.DoseVolume", "1")
    item = item_of(node)
    tree.SetItemParent(item, study_item)
    tree.RequestOwnerPluginSearch(item)
