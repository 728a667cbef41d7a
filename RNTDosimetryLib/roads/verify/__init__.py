"""Delivered against planned dose after a radioembolisation: the verb verify."""
