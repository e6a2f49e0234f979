# SPDX-License-Identifier: Apache-2.0
# deeplab_library(NAME SOURCES ... USES ...) adds one layer of the library as
# the static target deeplab_NAME, exported as deeplab::NAME. Its files include
# only the torch headers that they use: a precompiled <torch/torch.h> would cost
# each of them about 15 s for templates that it does not need. With
# WITHOUT_TORCH, the layer is not linked to LibTorch. With INTERNAL, it is part
# of the program and not installed.
function(deeplab_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITHOUT_TORCH;INTERNAL" ""
                        "SOURCES;USES;USES_PRIVATE")
  add_library(deeplab_${name} STATIC ${arg_SOURCES})
  add_library(deeplab::${name} ALIAS deeplab_${name})
  target_include_directories(
    deeplab_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                           $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                           $<INSTALL_INTERFACE:include>)
  target_link_libraries(
    deeplab_${name} PUBLIC ${arg_USES} fmt::fmt
                    PRIVATE $<BUILD_INTERFACE:deeplab_flags>
                            ${arg_USES_PRIVATE})
  set_target_properties(deeplab_${name} PROPERTIES EXPORT_NAME ${name})
  if(NOT arg_WITHOUT_TORCH)
    target_link_libraries(deeplab_${name} PUBLIC deeplab_torch)
  endif()
  if(NOT arg_INTERNAL)
    set_property(GLOBAL APPEND PROPERTY DEEPLAB_LIBRARIES deeplab_${name})
  endif()
endfunction()

# Uses the precompiled <torch/torch.h> in `target` if one of its files includes
# this header.
function(deeplab_use_pch target)
  get_target_property(sources ${target} SOURCES)
  set(includes "")
  foreach(source ${sources})
    file(STRINGS ${source} found REGEX "^#include <torch/torch.h>")
    list(APPEND includes "${found}")
  endforeach()
  if(NOT includes)
    return()
  endif()
  if(NOT TARGET deeplab_pch)
    add_library(deeplab_pch OBJECT ${PROJECT_SOURCE_DIR}/tools/cmake/pch.cpp)
    target_link_libraries(deeplab_pch PRIVATE deeplab_torch deeplab_flags)
    target_compile_options(
      deeplab_pch PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
    target_precompile_headers(deeplab_pch PRIVATE <torch/torch.h>)
  endif()
  target_compile_options(
    ${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${target} REUSE_FROM deeplab_pch)
endfunction()

# deeplab_test(NAME SOURCES ... USES ... LABELS ...) adds one test program,
# which runs in the source folder. Each test suite is one ctest entry, because
# LibTorch takes longer to start than most tests to run. With EACH, each test is
# an entry; with TOGETHER, the whole program is one. An entry in which tests
# were skipped, and none failed, counts as skipped.
function(deeplab_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITHOUT_TORCH;TOGETHER;EACH" "TIMEOUT"
                        "SOURCES;USES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_USES} deeplab_flags
                                             fmt::fmt test_support)
  # With less optimisation, tests take less time to compile. GCC 14 refuses
  # precompiled headers of another level.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION
                                              VERSION_LESS 13)
    target_compile_options(test_${name} PRIVATE -O1)
  endif()
  set_target_properties(test_${name} PROPERTIES DEEPLAB_IS_TEST ON)
  if(NOT arg_WITHOUT_TORCH)
    deeplab_use_pch(test_${name})
  endif()
  # Several tests run at once: idle OpenMP threads sleep soon, not spin.
  set(properties LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT}
                 SKIP_RETURN_CODE 77 ENVIRONMENT GOMP_SPINCOUNT=20000)
  if(arg_TOGETHER)
    add_test(NAME ${name} COMMAND test_${name}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES ${properties})
  elseif(arg_EACH)
    gtest_discover_tests(
      test_${name} NO_PRETTY_VALUES WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
  else()
    set(lines ${CMAKE_CURRENT_BINARY_DIR}/test_${name}_suites.cmake)
    string(REPLACE ";" " " properties "${properties}")
    add_custom_command(
      TARGET test_${name} POST_BUILD BYPRODUCTS ${lines}
      COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:test_${name}>
              -DFOLDER=${PROJECT_SOURCE_DIR} "-DPROPERTIES=${properties}"
              -DLINES=${lines} -P
              ${PROJECT_SOURCE_DIR}/tools/cmake/discover_suites.cmake
      VERBATIM)
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${lines})
  endif()
endfunction()
