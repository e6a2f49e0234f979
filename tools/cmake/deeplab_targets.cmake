# SPDX-License-Identifier: Apache-2.0
# deeplab_library(NAME SOURCES ... USES ...): one layer of the library, as the
# static target deeplab_NAME, exported as deeplab::NAME. `deeplab_pch` holds
# the precompiled <torch/torch.h> that all of them share, but for those that are
# WITHOUT_TORCH.
add_library(deeplab_pch OBJECT ${PROJECT_SOURCE_DIR}/tools/cmake/pch.cpp)
target_link_libraries(deeplab_pch PRIVATE deeplab_torch deeplab_flags)
target_compile_options(deeplab_pch PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_precompile_headers(deeplab_pch PRIVATE <torch/torch.h>)

function(deeplab_use_pch target)
  target_compile_options(
    ${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${target} REUSE_FROM deeplab_pch)
endfunction()

function(deeplab_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITHOUT_TORCH" ""
                        "SOURCES;USES;USES_PRIVATE")
  add_library(deeplab_${name} STATIC ${arg_SOURCES})
  add_library(deeplab::${name} ALIAS deeplab_${name})
  target_include_directories(
    deeplab_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                           $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                           $<INSTALL_INTERFACE:include>)
  target_link_libraries(
    deeplab_${name} PUBLIC ${arg_USES}
                    PRIVATE $<BUILD_INTERFACE:deeplab_flags>
                            ${arg_USES_PRIVATE})
  set_target_properties(deeplab_${name} PROPERTIES EXPORT_NAME ${name})
  if(NOT arg_WITHOUT_TORCH)
    target_link_libraries(deeplab_${name} PUBLIC deeplab_torch)
    deeplab_use_pch(deeplab_${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY DEEPLAB_LIBRARIES deeplab_${name})
endfunction()

# deeplab_test(NAME SOURCES ... USES ... LABELS ...): one test program, run
# from the source folder, each of its tests a line of ctest. TOGETHER makes it
# one line: LibTorch takes longer to start than such tests to run. Those that
# may skip are no part of it, so that a skip is seen.
function(deeplab_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITHOUT_TORCH;TOGETHER" "TIMEOUT"
                        "SOURCES;USES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_USES} deeplab_flags
                                             test_support)
  if(NOT arg_WITHOUT_TORCH)
    deeplab_use_pch(test_${name})
  endif()
  if(arg_TOGETHER)
    add_test(NAME ${name} COMMAND test_${name}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}"
                                            TIMEOUT ${arg_TIMEOUT})
    return()
  endif()
  gtest_discover_tests(
    test_${name} NO_PRETTY_VALUES WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
               # The program would start itself anew to set it.
               ENVIRONMENT GOMP_SPINCOUNT=20000)
endfunction()
