// ort.mjs - onnxruntime as a service for the tests: a JSON command a line, a JSON answer a line.
//
//	node ort.mjs FOLDER          FOLDER/node_modules holds onnxruntime-node
//
//	{"model": FILE, "input": FILE, "output": FILE, "shape": [1, 3, 224, 224], "n": 4, "level": "all"}
//	-> {"ok": true, "dims": [1, 1000], "name": "prob"}   or   {"ok": false, "error": TEXT}
//
// FILE "input" holds n tensors of that shape as float32; they are run one by one, and "output" gets the
// first output of each. "level" (default "all") is the graph optimisation's. The last model stays loaded.
// With "every": true, n is 1 and "output" gets all outputs that are numbers, one after the other: "outputs" in the
// answer has their names and dims in that order.
// Signed bytes are computed as on ARM, in integers throughout: on x86 it leaves some of them to float32 otherwise.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const ort = createRequire(resolve(process.argv[2], 'package.json'))('onnxruntime-node');

let loaded = { key: '', session: null };

async function load(model, level) {
  const key = `${level} ${model}`;
  if (loaded.key !== key) {
    if (loaded.session) await loaded.session.release();
    loaded = { key: '', session: null };
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: level, intraOpNumThreads: 1, interOpNumThreads: 1,
      executionMode: 'sequential', logSeverityLevel: 4,
      extra: { session: { qdqisint8allowed: '1' } },
    });
    loaded = { key, session };
  }
  return loaded.session;
}

function readFloats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const numbers = (tensor) => Buffer.from(Float32Array.from(tensor.data, Number).buffer);

async function run({ model, input, output, shape, n, level = 'all', every = false }) {
  const session = await load(model, level);
  const values = readFloats(input);
  const size = shape.reduce((a, b) => a * b, 1);
  if (values.length !== n * size) throw new Error(`${input}: ${values.length} floats, not ${n} of ${shape}`);
  const results = [];
  let first;
  for (let i = 0; i < n; i++) {
    const tensor = new ort.Tensor('float32', values.subarray(i * size, (i + 1) * size), shape);
    const answer = await session.run({ [session.inputNames[0]]: tensor });
    if (every) {
      const names = session.outputNames.filter((name) => answer[name].type !== 'string');
      writeFileSync(output, Buffer.concat(names.map((name) => numbers(answer[name]))));
      return { ok: true, outputs: names.map((name) => ({ name, dims: answer[name].dims })) };
    }
    first = answer[session.outputNames[0]];
    results.push(numbers(first));
  }
  writeFileSync(output, Buffer.concat(results));
  return { ok: true, dims: first.dims, name: session.outputNames[0] };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await run(JSON.parse(line));
  } catch (error) {
    answer = { ok: false, error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
