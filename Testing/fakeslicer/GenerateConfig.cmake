# Slicer writes the package configuration of the extension here; the stand-in has nothing to write.
