"""The steps of the therapy road, called from the scene."""
