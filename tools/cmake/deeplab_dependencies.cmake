# SPDX-License-Identifier: Apache-2.0
# Everything that is found on the machine, and the two interface targets that
# carry flags: deeplab_torch (LibTorch's own) and deeplab_flags (our warnings).
include(CMakeFindDependencyMacro)
find_dependency(Torch 1.13)
find_dependency(nlohmann_json 3.9)
find_dependency(OpenCV 4 COMPONENTS core imgproc imgcodecs)
find_dependency(JPEG)
find_dependency(PNG)
find_dependency(PkgConfig)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
find_dependency(Threads)

if(NOT TARGET deeplab_torch)
  add_library(deeplab_torch INTERFACE)
  # LibTorch's targets name its headers, but leave its ABI flag and OpenMP to
  # TORCH_CXX_FLAGS.
  target_link_libraries(deeplab_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(
    deeplab_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  separate_arguments(deeplab_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
  target_compile_options(deeplab_torch INTERFACE ${deeplab_torch_flags})
endif()

if(NOT TARGET deeplab_flags)
  add_library(deeplab_flags INTERFACE)
  target_compile_options(
    deeplab_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                            $<$<BOOL:${DEEPLAB_WERROR}>:-Werror>)
  if(DEEPLAB_SANITIZE)
    target_compile_options(deeplab_flags INTERFACE
                           -fsanitize=${DEEPLAB_SANITIZE}
                           -fno-omit-frame-pointer)
    target_link_options(deeplab_flags INTERFACE
                        -fsanitize=${DEEPLAB_SANITIZE})
  endif()
endif()

find_program(DEEPLAB_CCACHE ccache)
if(DEEPLAB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache keeps precompiled headers only when told that they are sound.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
      ${DEEPLAB_CCACHE})
endif()
