"""What every qMRML stand-in shares: a scene, and observers that end with the widget."""

import weakref

import shiboken6


def observe_weakly(widget, method_name: str):
    """Observer that calls ``widget.method_name()`` as long as the widget lives in Python and in Qt."""
    reference = weakref.ref(widget)

    def call(*ignored) -> None:
        target = reference()
        if target is not None and shiboken6.isValid(target):
            getattr(target, method_name)()

    return call


class SceneWidget:
    """Mixin: ``setMRMLScene`` and the signal ``mrmlSceneChanged`` of the class that has one."""

    def mrmlScene(self):
        return self.__dict__.get("_mrml_scene")

    def setMRMLScene(self, scene) -> None:
        if scene is self.mrmlScene():
            return
        for source, tag in self.__dict__.pop("_scene_observers", []):
            source.RemoveObserver(tag)
        self.__dict__["_mrml_scene"] = scene
        self.scene_was_set(scene)
        if hasattr(self, "mrmlSceneChanged"):
            self.mrmlSceneChanged.emit(scene)

    def scene_was_set(self, scene) -> None:
        """Extended by widgets that show something of the scene."""

    def observe_scene(self, events, method_name: str) -> None:
        scene = self.mrmlScene()
        callback = observe_weakly(self, method_name)
        observers = self.__dict__.setdefault("_scene_observers", [])
        observers += [(scene, scene.AddObserver(event, callback)) for event in events]


class NodeObserver:
    """Observes the modification of one node at a time for a widget."""

    def __init__(self, widget, method_name: str) -> None:
        self._callback = observe_weakly(widget, method_name)
        self._node = None
        self._tag = None

    @property
    def node(self):
        return self._node

    def observe(self, node, event: str = "ModifiedEvent") -> None:
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        self._tag = None if node is None else node.AddObserver(event, self._callback)
