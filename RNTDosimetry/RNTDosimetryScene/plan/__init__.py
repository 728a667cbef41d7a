"""Radioembolisation in the scene."""
