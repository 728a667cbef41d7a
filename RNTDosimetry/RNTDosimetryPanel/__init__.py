"""The panel, a class a section in the order of the road. It holds no numbers: they live in the parameter node and the results."""
