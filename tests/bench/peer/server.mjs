// server.mjs - photos in, labels out, as a web developer would write it: fastify, sharp and onnxruntime-node.
//
//	node server.mjs FOLDER MODEL.onnx LABELS.txt THREADS
//
// FOLDER/node_modules holds the packages. ImageNet's preprocessing; prints "listening PORT". POST /predict with a
// JPEG as the body answers {"predictions": [{"class", "label", "probability"}, ...]}, the best five.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [folder, model, labelFile, threads] = process.argv.slice(2);
const need = createRequire(resolve(folder, 'package.json'));
const fastify = need('fastify'), sharp = need('sharp'), ort = need('onnxruntime-node');

const SIZE = 224, SHORT = 256, MEAN = [0.485, 0.456, 0.406], STD = [0.229, 0.224, 0.225];
const labels = readFileSync(labelFile, 'utf8').split('\n');
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: Number(threads), graphOptimizationLevel: 'all' });

async function read(photo) {
  const image = sharp(photo);
  const { width, height } = await image.metadata();
  const scale = SHORT / Math.min(width, height);
  const w = Math.max(SHORT, Math.floor(width * scale)), h = Math.max(SHORT, Math.floor(height * scale));
  const pixels = await image.resize(w, h, { fit: 'fill', kernel: 'linear' })
    .extract({ left: (w - SIZE) >> 1, top: (h - SIZE) >> 1, width: SIZE, height: SIZE })
    .removeAlpha().toColourspace('srgb').raw().toBuffer();
  const plane = SIZE * SIZE, input = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < plane; i++) input[c * plane + i] = (pixels[3 * i + c] / 255 - MEAN[c]) / STD[c];
  return new ort.Tensor('float32', input, [1, 3, SIZE, SIZE]);
}

function best(scores) {
  const most = scores.reduce((a, b) => Math.max(a, b));
  const weights = scores.map((s) => Math.exp(s - most)), sum = weights.reduce((a, b) => a + b);
  return [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 5)
    .map((i) => ({ class: i, label: labels[i], probability: weights[i] / sum }));
}

const app = fastify({ bodyLimit: 20 << 20 });
app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
app.post('/predict', async (request) => {
  const output = await session.run({ [session.inputNames[0]]: await read(request.body) });
  return { predictions: best(output[session.outputNames[0]].data) };
});
await app.listen({ host: '127.0.0.1', port: 0 });
console.log('listening', app.server.address().port);
