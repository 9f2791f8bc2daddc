// onnxruntime_rate.mjs - onnxruntime's side of the comparisons: runs a model on noise for as long as it is told.
//
//	node onnxruntime_rate.mjs FOLDER MODEL SHAPE THREADS [spin|sleep [OUTPUT]]
//
// FOLDER/node_modules holds onnxruntime-node. SHAPE is the input's with the batch, as 8x3x224x224; sleep: idle
// threads do not wait busily. Prints "ready BEST", the largest output, or "error TEXT", and leaves all outputs in
// the file OUTPUT. Then each line of standard input is a number of milliseconds to run for, answered by
// "RUNS SECONDS".
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [folder, model, shape, threads, waiting, output] = process.argv.slice(2);
const ort = createRequire(resolve(folder, 'package.json'))('onnxruntime-node');
const dims = shape.split('x').map(Number);

const options = {
  intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
  graphOptimizationLevel: 'all', logSeverityLevel: 4,
  ...(waiting === 'sleep' ? { extra: { session: { intra_op: { allow_spinning: '0' } } } } : {}),
};

// Sizes that the file leaves open are told to onnxruntime, so that it can optimise for them.
async function open() {
  const session = await ort.InferenceSession.create(model, options);
  const sizes = session.inputMetadata[0].shape;
  if (sizes.some((size, i) => typeof size === 'number' && size !== dims[i]))
    throw new Error(`the file fixes its input at ${sizes.join('x')}`);
  const named = sizes.map((size, i) => [size, dims[i]]).filter(([size]) => typeof size === 'string');
  if (named.length === 0) return session;
  await session.release();
  return ort.InferenceSession.create(model, { ...options, freeDimensionOverrides: Object.fromEntries(named) });
}

// rate.c makes the same numbers.
function noise(count) {
  return Float32Array.from({ length: count }, (_, i) => (Math.imul(i, 2654435761) >>> 8) / 16777216);
}

async function main() {
  const session = await open();
  const tensor = new ort.Tensor('float32', noise(dims.reduce((a, b) => a * b)), dims);
  const feeds = { [session.inputNames[0]]: tensor };
  const first = (await session.run(feeds))[session.outputNames[0]].data;
  if (output) writeFileSync(output, new Uint8Array(first.buffer, first.byteOffset, first.byteLength));
  console.log('ready', first.reduce((a, b) => Math.max(a, b)));
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    let runs = 0, spent;
    do {
      await session.run(feeds);
      runs++;
      spent = performance.now() - start;
    } while (spent < Number(line));
    console.log(runs, spent / 1000);
  }
}

main().catch((error) => {
  console.log('error', String(error.message ?? error).split('\n').map((line) => line.trim()).join(' '));
  process.exitCode = 1;
});
