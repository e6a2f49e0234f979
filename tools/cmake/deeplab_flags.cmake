# SPDX-License-Identifier: Apache-2.0
# The two interface targets that carry flags: deeplab_torch (LibTorch's own),
# deeplab_flags (our warnings, which those who link to us do not inherit).
add_library(deeplab_torch INTERFACE)
set_target_properties(deeplab_torch PROPERTIES EXPORT_NAME torch)
# LibTorch's targets name its headers, but leave its ABI flag and OpenMP to
# TORCH_CXX_FLAGS.
target_link_libraries(deeplab_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(deeplab_torch SYSTEM
                           INTERFACE $<BUILD_INTERFACE:${TORCH_INCLUDE_DIRS}>)
separate_arguments(torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(deeplab_torch INTERFACE ${torch_flags})
# The code is C++17; LibTorch's headers ask for C++20 from 2.13 on.
if(Torch_VERSION VERSION_GREATER_EQUAL 2.13)
  target_compile_features(deeplab_torch INTERFACE cxx_std_20)
else()
  target_compile_features(deeplab_torch INTERFACE cxx_std_17)
endif()
# PyTorch's own binaries show a std::filesystem that they carry inside, to which
# a program's calls must not be bound (github.com/pytorch/pytorch/issues/133437):
# the system's comes first.
target_link_options(
  deeplab_torch INTERFACE
  "$<$<CXX_COMPILER_ID:GNU>:SHELL:-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state>"
)

# A compiler that nobody has tried yet may warn of what no other warns of:
# DEEPLAB_WERROR leaves warnings warnings there.
set(werror OFF)
if(DEEPLAB_WERROR)
  if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
      AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
     OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
         AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
    set(werror ON)
  else()
    message(STATUS "Warnings stay warnings: ${CMAKE_CXX_COMPILER_ID} "
                   "${CMAKE_CXX_COMPILER_VERSION} is no compiler that "
                   "DEEPLAB_WERROR knows (GCC to 14, Clang to 14)")
  endif()
endif()
add_library(deeplab_flags INTERFACE)
target_compile_options(
  deeplab_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                          $<$<BOOL:${werror}>:-Werror>)
if(DEEPLAB_SANITIZE)
  set(sanitizers -fsanitize=${DEEPLAB_SANITIZE} -fno-omit-frame-pointer)
  target_compile_options(deeplab_flags INTERFACE ${sanitizers})
  target_link_options(deeplab_flags INTERFACE ${sanitizers})
endif()

# With CMAKE_UNITY_BUILD, files are compiled a few at a time: torch's headers
# cost each translation unit some 7 s that a precompiled header does not spare.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 6 CACHE STRING "Files of a unity build's unit")

find_program(DEEPLAB_CCACHE ccache)
if(DEEPLAB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache keeps precompiled headers only when told that they are sound.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
      ${DEEPLAB_CCACHE})
endif()
