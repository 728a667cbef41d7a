"""Nodes of the scene as library types, and back."""
