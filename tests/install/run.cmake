# SPDX-License-Identifier: Apache-2.0
# Installs the build BUILD into a fresh folder, builds CONSUMER against it with
# only find_package(deeplab), and runs it on a checkpoint and a photo that the
# installed program makes.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_QUIET)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed (${code}): ${ARGN}")
  endif()
endfunction()

set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
if(EXISTS ${work}/prefix/include/apps)
  message(FATAL_ERROR "the package has headers of the program")
endif()
run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${work}/build -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${work}/prefix
    -DTorch_DIR=${TORCH})
run(${CMAKE_COMMAND} --build ${work}/build)

set(deeplab ${work}/prefix/bin/deeplab)
run(${deeplab} data synthesize ${work}/data
    --set data.synthetic.train_images=4 --set data.synthetic.val_images=1)
run(${deeplab} train --data ${work}/data --out ${work}/run --iterations 2
    --batch-size 2 --crop 65 --set log.tensorboard=false)
set(checkpoint ${work}/run/best.safetensors)
set(photo ${work}/data/JPEGImages/val_0.jpg)
execute_process(COMMAND ${work}/build/consumer ${checkpoint} ${photo}
                OUTPUT_VARIABLE output RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the consumer failed (${code})")
endif()
# The program gives the same pixel the same class.
run(${deeplab} predict ${photo} --checkpoint ${checkpoint} --crf=resnet101
    --save probabilities --out ${work}/predictions)
execute_process(
  COMMAND /usr/bin/python3 -c "
import json, numpy
scores = numpy.load('${work}/predictions/val_0_probabilities.npy')
config = json.load(open('${work}/run/config.json'))
rows, columns = scores.shape[1:]
label = scores[:, rows // 2, columns // 2].argmax()
print(config['data']['classes'][label])"
  OUTPUT_VARIABLE expected COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL expected)
  message(FATAL_ERROR "the consumer printed \"${output}\", not \"${expected}\"")
endif()
