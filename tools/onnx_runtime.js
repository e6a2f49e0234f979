// SPDX-License-Identifier: Apache-2.0
// Prints the median seconds in which ONNX Runtime segments an image of 513x513.
//   NODE_PATH=FOLDER/node_modules node tools/onnx_runtime.js FILE.onnx THREADS
const ort = require("onnxruntime-node");

async function main(file, threads) {
  const session = await ort.InferenceSession.create(
      file, {intraOpNumThreads: threads, interOpNumThreads: 1});
  const shape = [1, 3, 513, 513];
  const values = Float32Array.from({length: 3 * 513 * 513},
                                   () => 2 * Math.random() - 1);
  const image = new ort.Tensor("float32", values, shape);
  const seconds = [];
  for (let call = 0; call < 11; ++call) {
    const start = process.hrtime.bigint();
    await session.run({images: image});
    // The first calls allocate what later ones use again.
    if (call > 2) {
      seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
    }
  }
  seconds.sort((a, b) => a - b);
  console.log((seconds[3] + seconds[4]) / 2);
}

main(process.argv[2], Number(process.argv[3]));
