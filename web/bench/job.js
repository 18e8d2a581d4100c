// The book's job, the same for all: 784-50-10, sigmoid, softmax with the cross-entropy error, SGD, batches of 100 images.
export const [INPUT, HIDDEN, CLASSES, BATCH] = [784, 50, 10, 100];
export const RATE = 0.1;
// Batches that are staged before the clock runs, for those who cannot take images as bytes.
const STAGED = 100;
const HELD = 1000;
// Pieces of steps grow until one takes so long.
const PIECE_MS = 30;

// Marsaglia's xorshift, so that all begin alike.
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function initial() {
  const next = random(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const weights = (count) => Float32Array.from({ length: count }, () => 0.01 * normal());
  return { W1: weights(INPUT * HIDDEN), b1: new Float32Array(HIDDEN), W2: weights(HIDDEN * CLASSES), b2: new Float32Array(CLASSES) };
}

// MNIST's first training images.
export async function data() {
  const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
  return { pixels: (await bytes('images')).subarray(16), labels: (await bytes('labels')).subarray(8) };
}

// x [BATCH, INPUT] and one-hot t [BATCH, CLASSES] of some batches.
export function staged({ pixels, labels }) {
  const next = random(99);
  return Array.from({ length: STAGED }, () => {
    const [x, t] = [new Float32Array(BATCH * INPUT), new Float32Array(BATCH * CLASSES)];
    for (let row = 0; row < BATCH; row++) {
      const image = Math.floor(next() * labels.length);
      for (let i = 0; i < INPUT; i++) x[row * INPUT + i] = pixels[image * INPUT + i] / 255;
      t[row * CLASSES + labels[image]] = 1;
    }
    return [x, t];
  });
}

// The accuracy on some images, in plain JavaScript for all, so that nobody's speed counts without the right result.
export function accuracy({ pixels, labels }, { W1, b1, W2, b2 }) {
  let right = 0;
  for (let image = 0; image < HELD; image++) {
    const z = Float64Array.from(b1);
    for (let i = 0; i < INPUT; i++) {
      const x = pixels[image * INPUT + i] / 255;
      if (x) for (let j = 0; j < HIDDEN; j++) z[j] += x * W1[i * HIDDEN + j];
    }
    const a = Float64Array.from(b2);
    z.forEach((sum, j) => {
      for (let k = 0; k < CLASSES; k++) a[k] += W2[j * CLASSES + k] / (1 + Math.exp(-sum));
    });
    right += a.indexOf(Math.max(...a)) === labels[image];
  }
  return right / HELD;
}

// What the driver calls. `steps(count)` is done when all its work is; `params()` are the weights as arrays. Steps come `piece` at a time
// at first, and never more than `most`.
export function offer({ steps, params, set, piece, most = Infinity }) {
  window.contestant = {
    async train(count) {
      for (let done = 0; done < count; done += piece) await steps(piece);
      return accuracy(set, await params());
    },
    async rate(ms) {
      const start = performance.now();
      let [count, taken, together] = [0, 0, piece];
      while (taken < ms) {
        await steps(together);
        count += together;
        const before = taken;
        taken = performance.now() - start;
        // Who is fast need not wait for every few steps.
        if (taken - before < PIECE_MS) together = Math.min(2 * together, most);
      }
      return [(1000 * count) / taken, count];
    },
  };
}
