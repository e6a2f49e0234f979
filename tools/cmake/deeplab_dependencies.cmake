# SPDX-License-Identifier: Apache-2.0
# Every package that is found on the machine; also read by those who use the
# installation.
include(CMakeFindDependencyMacro)
find_dependency(Torch 1.13)
find_dependency(nlohmann_json 3.9)
find_dependency(OpenCV 4 COMPONENTS core imgproc imgcodecs)
find_dependency(JPEG)
find_dependency(PNG)
find_dependency(PkgConfig)
find_dependency(cxxopts 3)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
find_dependency(Threads)
