# SPDX-License-Identifier: Apache-2.0
# Finds all packages that the project depends on. The installed package uses
# this file too.
include(CMakeFindDependencyMacro)
macro(deeplab_find)
  if(CMAKE_FIND_PACKAGE_NAME STREQUAL "deeplab")
    find_dependency(${ARGN})
  else()
    find_package(${ARGN} REQUIRED)
  endif()
endmacro()
# LibTorch's package searches for a static library of Kineto, although Kineto is
# already part of LibTorch, and warns if there is none (Debian 13). Any other
# library that programs link anyway avoids the warning.
set(kineto_LIBRARY ${CMAKE_DL_LIBS})
deeplab_find(Torch 1.13)
# oneDNN is used for inference if LibTorch uses the same library.
find_package(dnnl CONFIG QUIET)
deeplab_find(fmt 9)
deeplab_find(nlohmann_json 3.9)
deeplab_find(OpenCV 4 COMPONENTS core imgproc imgcodecs)
deeplab_find(JPEG)
deeplab_find(PNG)
deeplab_find(PkgConfig)
deeplab_find(cxxopts 3)
deeplab_find(Protobuf 3.12)
# Only Boost's headers are used. CONFIG selects Boost's own package, because
# CMake's module FindBoost is being removed.
deeplab_find(Boost 1.74 CONFIG)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
deeplab_find(Threads)
deeplab_find(OpenMP)
