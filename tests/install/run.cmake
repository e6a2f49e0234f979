# SPDX-License-Identifier: Apache-2.0
# Installs the build BUILD into a fresh folder, builds CONSUMER against it with
# find_package(deeplab) alone, and runs it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed (${code}): ${ARGN}")
  endif()
endfunction()

set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${work}/build -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${work}/prefix
    -DTorch_DIR=${TORCH})
run(${CMAKE_COMMAND} --build ${work}/build)
execute_process(COMMAND ${work}/build/consumer OUTPUT_VARIABLE output
                RESULT_VARIABLE code)
if(NOT code EQUAL 0 OR NOT output STREQUAL "[1, 21, 33, 33]\n")
  message(FATAL_ERROR "the consumer printed \"${output}\" (${code})")
endif()
run(${work}/prefix/bin/deeplab --version)
