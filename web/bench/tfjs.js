// @tensorflow/tfjs with the backward pass by hand, which is faster than by its own gradients. `?device=wasm` or `webgpu`.
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';
import { BATCH, CLASSES, data, HIDDEN, initial, INPUT, offer, RATE, staged } from './job.js';

const device = new URLSearchParams(location.search).get('device');
setWasmPaths('./tfjs-wasm/');
if (!(await tf.setBackend(device))) throw new Error(`no ${device}`);
await tf.ready();

const begin = initial();
const W1 = tf.variable(tf.tensor2d(begin.W1, [INPUT, HIDDEN]));
const b1 = tf.variable(tf.tensor1d(begin.b1));
const W2 = tf.variable(tf.tensor2d(begin.W2, [HIDDEN, CLASSES]));
const b2 = tf.variable(tf.tensor1d(begin.b2));

function step(x, t) {
  tf.tidy(() => {
    const z1 = tf.fused.matMul({ a: x, b: W1, bias: b1, activation: 'sigmoid' });
    const a2 = tf.fused.matMul({ a: z1, b: W2, bias: b2 });
    // Already times the learning rate.
    const dy = tf.mul(tf.sub(tf.softmax(a2), t), RATE / BATCH);
    const da1 = tf.mul(tf.matMul(dy, W2, false, true), tf.mul(z1, tf.sub(1, z1)));
    const updates = [
      [W1, tf.matMul(x, da1, true)],
      [b1, tf.sum(da1, 0)],
      [W2, tf.matMul(z1, dy, true)],
      [b2, tf.sum(dy, 0)],
    ].map(([parameter, change]) => [parameter, tf.sub(parameter, change)]);
    for (const [parameter, value] of updates) parameter.assign(value);
  });
}

const set = await data();
const batches = staged(set).map(([x, t]) => [tf.tensor2d(x, [BATCH, INPUT]), tf.tensor2d(t, [BATCH, CLASSES])]);
let next = 0;
offer({
  set,
  piece: 10,
  // More in flight, and its WebGPU backend gives up.
  most: 10,
  async steps(count) {
    for (let n = 0; n < count; n++) step(...batches[next++ % batches.length]);
    await b2.data();
  },
  params: async () => ({ W1: await W1.data(), b1: await b1.data(), W2: await W2.data(), b2: await b2.data() }),
});
