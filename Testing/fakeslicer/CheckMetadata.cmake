# Slicer packs the extension here; the stand-in asks for the meta-information that the catalog needs.
foreach(name HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  if("${EXTENSION_${name}}" STREQUAL "")
    message(FATAL_ERROR "EXTENSION_${name} is not set")
  endif()
  message(STATUS "EXTENSION_${name}=${EXTENSION_${name}}")
endforeach()
