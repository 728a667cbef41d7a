"""Command-line modules: slicer-core brings none, so every run is refused with a sentence."""


def run(
    module,
    node=None,
    parameters=None,
    wait_for_completion=False,
    delete_temporary_files=True,
    update_display=True,
    hide_window=True,
):
    """Run a command-line module. A module object given by a test is run through its logic as the application does."""
    if module is None or module.logic() is None:
        raise RuntimeError("Expected a command-line module, received none; slicer-core carries no command-line modules.")
    logic = module.logic()
    if node is None:
        node = logic.CreateNodeInScene()
    setNodeParameters(node, parameters)
    logic.SetDeleteTemporaryFiles(1 if delete_temporary_files else 0)
    if wait_for_completion:
        logic.ApplyAndWait(node, update_display)
    else:
        logic.Apply(node, update_display)
    return node


def runSync(module, node=None, parameters=None, **options):
    """Run a command-line module and wait for its end."""
    return run(module, node, parameters, wait_for_completion=True, **options)


def createNode(module, parameters=None):
    """Parameter node of a command-line module."""
    if module is None or module.logic() is None:
        return None
    node = module.logic().CreateNodeInScene()
    setNodeParameters(node, parameters)
    return node


def setNodeParameters(node, parameters) -> None:
    """Write a dictionary of parameters into a command-line parameter node."""
    import slicer

    for name, value in (parameters or {}).items():
        if isinstance(value, slicer.vtkMRMLNode):
            node.SetParameterAsNode(name, value)
        elif isinstance(value, bool):
            node.SetParameterAsBool(name, value)
        elif isinstance(value, int):
            node.SetParameterAsInt(name, value)
        elif isinstance(value, float):
            node.SetParameterAsDouble(name, value)
        elif isinstance(value, (list, tuple)):
            node.SetParameterAsString(name, ", ".join(str(item) for item in value))
        else:
            node.SetParameterAsString(name, str(value))
