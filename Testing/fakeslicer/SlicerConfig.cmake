# Stand-in of Slicer's build package. With -DSlicer_DIR=<this folder> an extension is configured and installed by plain
# CMake: file lists and meta-information are checked, files land where Slicer's own macros put them, nothing is compiled.
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/GenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/CheckMetadata.cmake")
set(Slicer_FOUND TRUE)
