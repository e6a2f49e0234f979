# SPDX-License-Identifier: Apache-2.0
# Defines two interface targets with compiler flags: deeplab_torch has
# LibTorch's, deeplab_flags has this project's warnings, which are not passed on
# to projects that link to it.
add_library(deeplab_torch INTERFACE)
set_target_properties(deeplab_torch PROPERTIES EXPORT_NAME torch)
# LibTorch's targets provide its headers; its ABI flag is only in
# TORCH_CXX_FLAGS. Without the compiler's flag for OpenMP, at::parallel_for()
# silently runs on one thread.
target_link_libraries(deeplab_torch INTERFACE ${TORCH_LIBRARIES}
                                              OpenMP::OpenMP_CXX)
target_include_directories(deeplab_torch SYSTEM
                           INTERFACE $<BUILD_INTERFACE:${TORCH_INCLUDE_DIRS}>)
separate_arguments(torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(deeplab_torch INTERFACE ${torch_flags})
# This project's code is C++17, but LibTorch's headers need C++20 from version
# 2.13 on.
if(Torch_VERSION VERSION_GREATER_EQUAL 2.13)
  target_compile_features(deeplab_torch INTERFACE cxx_std_20)
else()
  target_compile_features(deeplab_torch INTERFACE cxx_std_17)
endif()
# PyTorch's own binaries export their built-in copy of std::filesystem, to which
# a program's calls must not be bound
# (github.com/pytorch/pytorch/issues/133437). So the system's libstdc++ is
# linked first.
target_link_options(
  deeplab_torch INTERFACE
  "$<$<CXX_COMPILER_ID:GNU>:SHELL:-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state>"
)

# A compiler version that has not been tested may have new warnings, so
# DEEPLAB_WERROR has no effect for it.
set(werror OFF)
if(DEEPLAB_WERROR)
  if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
      AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
     OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
         AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
    set(werror ON)
  else()
    message(STATUS "DEEPLAB_WERROR has no effect: ${CMAKE_CXX_COMPILER_ID} "
                   "${CMAKE_CXX_COMPILER_VERSION} is not among the tested "
                   "compilers (GCC up to 14, Clang up to 14)")
  endif()
endif()
add_library(deeplab_flags INTERFACE)
# Loops that the compiler has to vectorise are fully optimised in every build
# but those with sanitizers, where that takes minutes. There, too, multiply-adds
# are fused, as the bounds of some tests need it.
set(DEEPLAB_LOOP_OPTIMIZATION -O3)
target_compile_options(
  deeplab_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                          $<$<BOOL:${werror}>:-Werror>)
if(DEEPLAB_SANITIZE)
  set(DEEPLAB_LOOP_OPTIMIZATION -O1 -fexpensive-optimizations)
  set(sanitizers -fsanitize=${DEEPLAB_SANITIZE} -fno-omit-frame-pointer)
  # Checks for undefined behaviour of the tests themselves would double the time
  # that these take to compile.
  target_compile_options(
    deeplab_flags
    INTERFACE
      ${sanitizers}
      $<$<BOOL:$<TARGET_PROPERTY:DEEPLAB_IS_TEST>>:-fno-sanitize=undefined>)
  target_link_options(deeplab_flags INTERFACE ${sanitizers})
endif()

# With CMAKE_UNITY_BUILD, a few files are compiled as one translation unit,
# because torch's headers cost each unit about 7 s, even with a precompiled
# header.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12 CACHE STRING "Files per unity unit")

find_program(DEEPLAB_CCACHE ccache)
if(DEEPLAB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache caches files with precompiled headers only with these settings.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
      ${DEEPLAB_CCACHE})
endif()
