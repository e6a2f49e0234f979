# SPDX-License-Identifier: Apache-2.0
# Every package that is found on the machine; also read by those who use the
# installation.
include(CMakeFindDependencyMacro)
macro(deeplab_find)
  if(CMAKE_FIND_PACKAGE_NAME STREQUAL "deeplab")
    find_dependency(${ARGN})
  else()
    find_package(${ARGN} REQUIRED)
  endif()
endmacro()
# LibTorch's package looks for the static library of Kineto, which is inside
# LibTorch already, and warns where there is none (Debian 13). Any library that
# programs have anyway answers it.
set(kineto_LIBRARY ${CMAKE_DL_LIBS})
deeplab_find(Torch 1.13)
deeplab_find(nlohmann_json 3.9)
deeplab_find(OpenCV 4 COMPONENTS core imgproc imgcodecs)
deeplab_find(JPEG)
deeplab_find(PNG)
deeplab_find(PkgConfig)
deeplab_find(cxxopts 3)
deeplab_find(Protobuf 3.12)
# The headers alone, by Boost's own package: CMake's module for it is going.
deeplab_find(Boost 1.74 CONFIG)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
deeplab_find(Threads)
deeplab_find(OpenMP)
