"""What the plan section held before, so that a change can be taken back. Kept while the panel is open."""

import slicer

_PREFIX = "plan"
_MOST = 50


class History:
    """Every state of the values of the plan of the study that is shown, the present one last. Another study begins anew.

    Images and segments are not values: they are not taken back.
    """

    def __init__(self):
        self._node = None
        self._states: list[dict[str, str]] = []

    def note(self, parameter_node) -> None:
        """Keep the present state where it differs from the last."""
        if self._node is not parameter_node.parameterNode:
            self._node, self._states = parameter_node.parameterNode, []
        now = _values(parameter_node)
        if not self._states or self._states[-1] != now:
            self._states.append(now)
            del self._states[:-_MOST]

    @property
    def can_undo(self) -> bool:
        return len(self._states) > 1

    def undo(self) -> None:
        """The state before the present one comes back."""
        if not self.can_undo:
            return
        self._states.pop()
        with slicer.util.NodeModify(self._node):
            for name, value in self._states[-1].items():
                self._node.SetParameter(name, value)


def _values(parameter_node) -> dict[str, str]:
    node = parameter_node.parameterNode
    return {name: node.GetParameter(name) for name in sorted(node.GetParameterNames()) if name.startswith(_PREFIX)}
