"""How activity, energy and mass become absorbed dose."""

from scipy.constants import electron_volt

SECONDS_PER_HOUR = 3600.0

JOULE_PER_MEV = 1.0e6 * electron_volt

GY_G_PER_MBQ_H_MEV = 1.0e6 * SECONDS_PER_HOUR * JOULE_PER_MEV / 1.0e-3
"""Absorbed dose in Gy of 1 MeV per decay, 1 MBq*h, in 1 g: 0.57678. The electronvolt is exact in the SI of 2019."""

GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S = SECONDS_PER_HOUR / 1000.0
"""S value in Gy/(MBq*h) from one in mGy/(MBq*s)."""
