"""Internal radionuclide therapy dosimetry: quantitative images in, absorbed dose with its uncertainty out.

For research only. The library knows physics and nothing of Slicer; see the README for the road through it.
"""

__version__ = "0.1.0"
