// How training is cut into pieces and evaluations, on devices and by a clock of the test's own.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Training } from '../page/training.js';

let clock = 0;
mock.method(performance, 'now', () => clock);

// A device that needs so many ms for a step and an evaluation, and `compiling` for the first evaluation besides.
function device({ step, evaluation, compiling }) {
  let left = compiling;
  return {
    free() {},
    steps: () => 0,
    device: () => ({ kind: 'cpu' }),
    async train(steps) {
      clock += steps * step;
      return new Float32Array(steps);
    },
    async evaluate() {
      clock += evaluation + left;
      left = 0;
      return { testAccuracy: 0 };
    },
    async read() {},
    w1: () => new Float32Array(1),
  };
}

// The steps at which it was evaluated.
async function evaluations(costs, steps) {
  const found = [];
  const library = { book: () => ({ steps }), Trainer: { create: async () => device(costs) } };
  const training = new Training(library, (event, detail) => event === 'evaluation' && found.push(detail.steps));
  await training.start({});
  await training.ended;
  return found;
}

test('a fast GPU, which compiles longer than it trains, is evaluated while it learns', async () => {
  const found = await evaluations({ step: 0.02, evaluation: 1.5, compiling: 300 }, 50_000);
  assert.ok(found.filter((steps) => steps < 2000).length >= 4, `${found}`);
  assert.ok(found.length > 40, `${found}`);
});

test('evaluations take a sixth of the time of a slow device', async () => {
  const found = await evaluations({ step: 10, evaluation: 400, compiling: 0 }, 3000);
  // Besides those before the first step, after it, and at the end.
  assert.ok((found.length - 3) * 400 <= (3000 * 10) / 5, `${found}`);
  assert.ok(found.length > 10, `${found}`);
});
