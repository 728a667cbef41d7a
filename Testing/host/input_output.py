"""Reading and writing of nodes and scenes, as ``slicer.app.coreIOManager()`` does it."""

import os

import slicer

# File type -> class of the node, class of its storage node.
STORAGE_CLASSES = {
    "VolumeFile": ("vtkMRMLScalarVolumeNode", "vtkMRMLVolumeArchetypeStorageNode"),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "ColorTableFile": ("vtkMRMLColorTableNode", "vtkMRMLColorTableStorageNode"),
}

# Longest endings first: a segmentation is a NRRD file too.
FILE_TYPE_OF_ENDING = {
    ".seg.nrrd": "SegmentationFile",
    ".mrb": "SceneFile",
    ".mrml": "SceneFile",
    ".nii.gz": "VolumeFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".nii": "VolumeFile",
    ".mha": "VolumeFile",
    ".mhd": "VolumeFile",
    ".tsv": "TableFile",
    ".csv": "TableFile",
    ".txt": "TextFile",
    ".json": "TextFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
    ".vtk": "ModelFile",
    ".vtp": "ModelFile",
    ".stl": "ModelFile",
    ".ctbl": "ColorTableFile",
}


class ScriptedReader:
    """qSlicerScriptedFileReader: the class <module>FileReader of a module file, and what it says that it has loaded."""

    def __init__(self, reader_class) -> None:
        self.loadedNodes = []
        self._python = reader_class(self)

    def fileType(self) -> str:
        return self._python.fileType()

    def supportedNameFilters(self, file_name) -> list[str]:
        endings = [text.rpartition("(*")[2].rstrip(")") for text in self._python.extensions()]
        return [ending for ending in endings if str(file_name).lower().endswith(ending)]

    def canLoadFile(self, file_name) -> bool:
        return bool(self.supportedNameFilters(file_name)) and self._python.canLoadFile(str(file_name))

    def load(self, properties: dict):
        """The nodes, None when the file was not read."""
        self.loadedNodes = []
        if not self._python.load(properties):
            return None
        return [slicer.mrmlScene.GetNodeByID(node_id) for node_id in self.loadedNodes]


class CoreIOManager:
    """Stand-in of qSlicerCoreIOManager on the real storage nodes, and on the readers of scripted modules."""

    def __init__(self) -> None:
        self._readers = {}

    def registerIO(self, reader) -> None:
        """A ScriptedReader of a module."""
        self._readers[reader.fileType()] = reader

    def fileType(self, file_name: str) -> str:
        lower = str(file_name).lower()
        for reader in self._readers.values():
            if reader.canLoadFile(file_name):
                return reader.fileType()
        for ending, file_type in FILE_TYPE_OF_ENDING.items():
            if lower.endswith(ending):
                return file_type
        return "NoFile"

    def fileWriterFileType(self, node) -> str:
        for file_type, (node_class, _) in STORAGE_CLASSES.items():
            if node.IsA(node_class):
                return file_type
        return node.GetClassName()

    def completeSlicerWritableFileNameSuffix(self, node) -> str:
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        return "." + node.GetStorageNode().GetDefaultWriteFileExtension()

    def loadNodes(self, file_type: str, properties: dict, loaded_nodes=None, messages=None) -> bool:
        file_name = properties["fileName"]
        if not os.path.exists(file_name):
            return False
        if file_type in self._readers:
            nodes = self._readers[file_type].load(properties)
            for node in nodes or ():
                if loaded_nodes is not None:
                    loaded_nodes.AddItem(node)
            return nodes is not None
        if file_type == "SceneFile":
            return self._load_scene(file_name, properties)
        if file_type == "VolumeFile":
            node = self._load_volume(file_name, properties)
        elif file_type in STORAGE_CLASSES:
            node = self._load_with_storage(file_type, file_name, properties)
        else:
            return False
        if node is None:
            return False
        if loaded_nodes is not None:
            loaded_nodes.AddItem(node)
        return True

    def saveNodes(self, file_type: str, properties: dict, messages=None) -> bool:
        file_name = str(properties["fileName"])
        if file_type == "SceneFile":
            return self._save_scene(file_name)
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(file_name)
        node.GetStorageNode().SetFileName(file_name)
        return bool(node.GetStorageNode().WriteData(node))

    @staticmethod
    def _load_scene(file_name: str, properties: dict) -> bool:
        scene = slicer.mrmlScene
        if properties.get("clear", True):
            scene.Clear(0)
        if file_name.lower().endswith(".mrb"):
            return bool(scene.ReadFromMRB(file_name))
        scene.SetURL(file_name)
        return bool(scene.Import(None))

    @staticmethod
    def _save_scene(file_name: str) -> bool:
        scene = slicer.mrmlScene
        if file_name.lower().endswith(".mrb"):
            scene.SetURL(file_name)
            scene.SetRootDirectory(os.path.dirname(os.path.abspath(file_name)))
            return bool(scene.WriteToMRB(file_name))
        if file_name.lower().endswith(".mrml"):
            scene.SetURL(file_name)
            return bool(scene.Commit(file_name))
        os.makedirs(file_name, exist_ok=True)
        return bool(slicer.app.applicationLogic().SaveSceneToSlicerDataBundleDirectory(file_name, None))

    @staticmethod
    def _node_name(file_name: str, properties: dict) -> str:
        return properties.get("name") or os.path.basename(file_name).split(".")[0]

    def _load_volume(self, file_name: str, properties: dict):
        options = 1 if properties.get("labelmap") else 0
        return slicer.modules.volumes.logic().AddArchetypeVolume(file_name, self._node_name(file_name, properties), options)

    def _load_with_storage(self, file_type: str, file_name: str, properties: dict):
        node_class, storage_class = STORAGE_CLASSES[file_type]
        scene = slicer.mrmlScene
        node = scene.AddNewNodeByClass(node_class, self._node_name(file_name, properties))
        storage = scene.AddNewNodeByClass(storage_class)
        storage.SetFileName(file_name)
        if not storage.ReadData(node):
            scene.RemoveNode(node)
            scene.RemoveNode(storage)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if hasattr(node, "CreateDefaultDisplayNodes"):
            node.CreateDefaultDisplayNodes()
        return node
