// Plain JavaScript on typed arrays that leaves out pixels that are 0.
import { BATCH, CLASSES, data, HIDDEN, initial, INPUT, offer, RATE, staged } from './job.js';

const { W1, b1, W2, b2 } = initial();
const [z1, da1] = [new Float32Array(BATCH * HIDDEN), new Float32Array(BATCH * HIDDEN)];
const dy = new Float32Array(BATCH * CLASSES);
const dW2 = new Float32Array(HIDDEN * CLASSES);
const sums = new Float32Array(HIDDEN);

function step(x, t) {
  for (let row = 0; row < BATCH; row++) {
    sums.set(b1);
    for (let i = 0; i < INPUT; i++) {
      const pixel = x[row * INPUT + i];
      if (pixel === 0) continue;
      const at = i * HIDDEN;
      for (let j = 0; j < HIDDEN; j++) sums[j] += pixel * W1[at + j];
    }
    const [hidden, output] = [row * HIDDEN, row * CLASSES];
    for (let j = 0; j < HIDDEN; j++) z1[hidden + j] = 1 / (1 + Math.exp(-sums[j]));
    let largest = -Infinity;
    for (let k = 0; k < CLASSES; k++) {
      let a = b2[k];
      for (let j = 0; j < HIDDEN; j++) a += z1[hidden + j] * W2[j * CLASSES + k];
      dy[output + k] = a;
      if (a > largest) largest = a;
    }
    let total = 0;
    for (let k = 0; k < CLASSES; k++) total += dy[output + k] = Math.exp(dy[output + k] - largest);
    for (let k = 0; k < CLASSES; k++) dy[output + k] = (dy[output + k] / total - t[output + k]) / BATCH;
    for (let j = 0; j < HIDDEN; j++) {
      let dz = 0;
      for (let k = 0; k < CLASSES; k++) dz += dy[output + k] * W2[j * CLASSES + k];
      const z = z1[hidden + j];
      da1[hidden + j] = dz * z * (1 - z);
    }
  }
  dW2.fill(0);
  for (let row = 0; row < BATCH; row++) {
    for (let j = 0; j < HIDDEN; j++) {
      const z = z1[row * HIDDEN + j];
      for (let k = 0; k < CLASSES; k++) dW2[j * CLASSES + k] += z * dy[row * CLASSES + k];
    }
  }
  for (let row = 0; row < BATCH; row++) {
    for (let j = 0; j < HIDDEN; j++) sums[j] = -RATE * da1[row * HIDDEN + j];
    for (let i = 0; i < INPUT; i++) {
      const pixel = x[row * INPUT + i];
      if (pixel === 0) continue;
      const at = i * HIDDEN;
      for (let j = 0; j < HIDDEN; j++) W1[at + j] += pixel * sums[j];
    }
    for (let j = 0; j < HIDDEN; j++) b1[j] += sums[j];
    for (let k = 0; k < CLASSES; k++) b2[k] -= RATE * dy[row * CLASSES + k];
  }
  for (let n = 0; n < dW2.length; n++) W2[n] -= RATE * dW2[n];
}

const set = await data();
const batches = staged(set);
let next = 0;
offer({
  set,
  piece: 20,
  async steps(count) {
    for (let n = 0; n < count; n++) step(...batches[next++ % batches.length]);
  },
  params: async () => ({ W1, b1, W2, b2 }),
});
