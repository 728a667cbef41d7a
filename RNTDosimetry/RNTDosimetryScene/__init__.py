"""What joins the MRML scene to the library: nodes as library types, and results as nodes.

Knows Slicer's nodes and the library's types, and no physics. Nothing here opens a window.
"""
