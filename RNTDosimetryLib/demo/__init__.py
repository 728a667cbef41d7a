"""The roads on the phantoms."""
