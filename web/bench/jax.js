// @jax-js/jax: its own gradients, one jit a step. `?device=wasm` or `webgpu`.
import { blockUntilReady, defaultDevice, grad, init, jit, nn, numpy as np, tree } from '@jax-js/jax';
import { BATCH, CLASSES, data, HIDDEN, initial, INPUT, offer, RATE, staged } from './job.js';

const device = new URLSearchParams(location.search).get('device');
if (!(await init(device)).includes(device)) throw new Error(`no ${device}`);
defaultDevice(device);

const array = (values, shape) => np.array(values.slice()).reshape(shape);

function loss({ W1, b1, W2, b2 }, x, t) {
  const z1 = nn.sigmoid(np.matmul(x, W1).add(b1));
  const a2 = np.matmul(z1, W2).add(b2);
  return nn.logSoftmax(a2, -1).mul(t).sum().mul(-1 / BATCH);
}

const step = jit((params, x, t) => {
  const gradients = grad(loss)(tree.ref(params), x, t);
  return tree.map((value, gradient) => value.sub(gradient.mul(RATE)), params, gradients);
});

const set = await data();
const batches = staged(set).map(([x, t]) => [array(x, [BATCH, INPUT]), array(t, [BATCH, CLASSES])]);
const { W1, b1, W2, b2 } = initial();
let params = { W1: array(W1, [INPUT, HIDDEN]), b1: array(b1, [HIDDEN]), W2: array(W2, [HIDDEN, CLASSES]), b2: array(b2, [CLASSES]) };
let next = 0;
offer({
  set,
  piece: 20,
  async steps(count) {
    for (let n = 0; n < count; n++) {
      const [x, t] = batches[next++ % batches.length];
      params = step(params, x.ref, t.ref);
    }
    await blockUntilReady(params);
  },
  async params() {
    const read = async (name) => [name, new Float32Array(await params[name].ref.data())];
    return Object.fromEntries(await Promise.all(Object.keys(params).map(read)));
  },
});
