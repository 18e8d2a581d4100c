// The page in a browser. First: ./build.sh, and npm ci; NATIVE names a folder with the weights that native.sh writes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { hasBegun, launch, open, until } from './browser.mjs';
import { DIGITS, draw } from './digits.mjs';
import { read } from './safetensors.mjs';
import { serve } from './server.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(HERE, '../dist');
const NATIVE = process.env.NATIVE ?? path.join(HERE, '../results/native');
// f32 sums in another order differ by so much after 100 steps.
const MOST_DIFFERENCE = 2e-5;

let server;
before(async () => (server = await serve(DIST)));
after(() => server.close());

const train = (page, settings) => page.evaluate((settings) => window.twolayer.train(settings), settings);

async function weights(page, settings) {
  await train(page, { learningRate: 0.1, seed: 0, ...settings });
  return read(await page.evaluate(async () => [...(await window.twolayer.file('safetensors'))]));
}

// The runs of native.sh.
const RUNS = [
  { steps: 100, activation: 'sigmoid', hidden: 50 },
  { steps: 100, activation: 'relu', hidden: 50 },
  { steps: 100, activation: 'tanh', hidden: 50 },
  // On a GPU, the kernels of wide networks.
  { steps: 10, activation: 'sigmoid', hidden: 200 },
];

function assertNative(found, { steps, activation, hidden }) {
  const run = `${steps}-${activation}-${hidden}`;
  const expected = read(fs.readFileSync(path.join(NATIVE, `${run}.safetensors`)));
  for (const [name, values] of Object.entries(expected)) {
    const difference = values.reduce((most, value, place) => Math.max(most, Math.abs(value - found[name][place])), 0);
    assert.ok(difference < MOST_DIFFERENCE, `${name} of ${run}: ${difference}`);
  }
}

describe('on the CPU', () => {
  let browser;
  let page;
  let errors;
  before(async () => {
    browser = await launch();
    ({ page, errors } = await open(browser, server.url));
    await hasBegun(page);
  });
  after(() => browser.close());

  test('it trains at once, on the CPU where there is no GPU', async () => {
    const { device, running } = await page.evaluate(() => window.twolayer.state());
    assert.equal(device.kind, 'cpu');
    assert.ok(running);
    assert.match(await page.textContent('#device'), /^CPU, WebAssembly with (relaxed SIMD|SIMD128)$/);
  });

  test('steps give the weights of a native run, and twice the same bits', async () => {
    for (const run of RUNS) {
      const found = await weights(page, { device: 'cpu', ...run });
      assertNative(found, run);
      const again = await weights(page, { device: 'cpu', ...run });
      for (const [name, values] of Object.entries(found)) assert.ok(values.every((value, n) => value === again[name][n]), name);
    }
  });

  test('it learns, and reads digits that are drawn with the mouse', async () => {
    const settings = { device: 'cpu', hidden: 50, activation: 'relu', learningRate: 0.1, seed: 0, steps: 8000 };
    const { testAccuracy, steps } = await train(page, settings);
    assert.equal(steps, 8000);
    assert.ok(testAccuracy > 0.87, `${testAccuracy}`);
    for (const digit of Object.keys(DIGITS)) {
      await draw(page, digit);
      await page.waitForFunction(
        (digit) => document.querySelector('#answer').textContent === digit, digit, { timeout: 5000 });
    }
    const most = await page.locator('#probabilities .best').getAttribute('aria-label');
    assert.match(most, /^Digit 7: /);
    assert.match(await page.getAttribute('#units', 'aria-label'), /Most decisive for this digit: units \d+/);
  });

  test('the keys draw too', async () => {
    await page.locator('#clear').click();
    await page.locator('#pad').focus();
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', ' ']) await page.keyboard.press(key);
    for (let n = 0; n < 11; n++) await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.querySelector('#answer').textContent === '1');
  });

  test('the computation of the drawing, with its kernels', async () => {
    await page.locator('#tab-inside').click();
    await page.locator('#meant input[value="7"]').check();
    await page.waitForFunction(() => /\d\.\d{4}/.test(document.querySelector('#stages .number')?.textContent));
    const kernels = await page.locator('#stages [open] > summary').allTextContents();
    const names = ['nonzero', 'hidden', 'output', 'output_gradient', 'hidden_gradient'];
    assert.deepEqual(kernels, names.map((name) => `tiled/${name}.wgsl`));
    await until(page, () => document.querySelector('#stages pre').textContent);
    assert.match(await page.locator('#stages pre').first().textContent(), /@compute @workgroup_size/);
    await page.locator('#tab-train').click();
  });

  test('stop, go on, and predict', async () => {
    await page.locator('#restart').click();
    await hasBegun(page);
    await page.locator('#toggle').click();
    await page.waitForFunction(() => document.querySelector('#message').textContent.startsWith('Stopped after'));
    const stopped = await page.evaluate(() => window.twolayer.state());
    assert.equal(stopped.running, false);
    const y = await page.evaluate(async () => [...(await window.twolayer.predict(new Array(784).fill(0)))]);
    assert.equal(y.length, 10);
    assert.ok(Math.abs(y.reduce((sum, value) => sum + value, 0) - 1) < 1e-9);
    await page.locator('#toggle').click();
    await until(page, async (steps) => (await window.twolayer.state()).steps > steps, stopped.steps);
  });

  test('it pauses while its tab is hidden', async () => {
    const hide = (hidden) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    const isRunning = async () => (await window.twolayer.state()).running;
    await hide(true);
    await until(page, async () => !(await window.twolayer.state()).running);
    assert.match(await page.textContent('#message'), /Paused/);
    await hide(false);
    await until(page, isRunning);
  });

  test('a learning rate that is too high is a line, and a lower one goes on', async () => {
    await train(page, { activation: 'relu', learningRate: 1e10, steps: 1000 });
    assert.match(await page.textContent('#message'), /Choose a lower learning rate/);
    const { steps } = await train(page, { learningRate: 0.1, steps: 50 });
    assert.equal(steps, 50);
  });

  test('files that are no set are a line; MNIST’s four files are trained on', async () => {
    const idx = (kind, sizes, body) => {
      const head = Buffer.alloc(4 + 4 * sizes.length);
      head.writeUInt32BE(kind);
      sizes.forEach((size, n) => head.writeUInt32BE(size, 4 + 4 * n));
      return Buffer.concat([head, body]);
    };
    const images = (count) => idx(0x803, [count, 28, 28], Buffer.alloc(784 * count, 9));
    const labels = (count) => idx(0x801, [count], Buffer.from(Array.from({ length: count }, (_, n) => n % 10)));
    const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
    await page.setInputFiles('#files', [file('cat.png', Buffer.from('\x89PNG')), file('a', labels(9)), file('b', labels(9)), file('c', labels(9))]);
    await page.waitForFunction(() => document.querySelector('#message').textContent.includes('cat.png'));
    const set = [file('a', labels(30)), file('b', images(200)), file('c', labels(200)), file('d', images(30))];
    await page.setInputFiles('#files', set);
    await page.waitForFunction(() => document.querySelector('#data-sizes').textContent.includes('200 images of your files'));
    await hasBegun(page);
  });

  test('downloads', async () => {
    for (const format of ['safetensors', 'onnx']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-format=${format}]`).click()]);
      assert.equal(download.suggestedFilename(), `twolayer.${format}`);
    }
  });

  test('no error in the console', () => assert.deepEqual(errors, []));
});

test('once loaded, it works without a network', async () => {
  const own = await serve(DIST);
  const browser = await launch();
  const { page } = await open(browser, own.url);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await own.close();
  await page.reload();
  await hasBegun(page);
  await browser.close();
});

test('a worker that cannot be had: a line, which stays', async () => {
  const browser = await launch();
  const context = await browser.newContext();
  await context.route('**/worker.js', (route) => route.abort());
  const page = await context.newPage();
  await page.goto(server.url);
  const message = page.locator('#message');
  await message.filter({ hasText: 'The worker stopped' }).waitFor();
  await page.click('#clear');
  await page.waitForTimeout(100);
  assert.match(await message.textContent(), /The worker stopped/);
  await browser.close();
});

test('320 pixels, dark, without motion: nothing is wider than the screen', async () => {
  const browser = await launch();
  const { page, errors } = await open(browser, server.url, {
    viewport: { width: 320, height: 640 },
    colorScheme: 'dark',
    reducedMotion: 'reduce',
  });
  await hasBegun(page);
  for (const tab of ['#tab-inside', '#tab-train']) {
    await page.locator(tab).click();
    await page.waitForFunction(() => document.querySelectorAll('#stages pre').length > 0);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  }
  assert.deepEqual(errors, []);
  await browser.close();
});

test('every language says everything, with the same values filled in', async () => {
  const browser = await launch();
  const { page } = await open(browser, server.url, { locale: 'ja-JP', viewport: { width: 320, height: 640 } });
  await hasBegun(page);
  assert.equal(await page.textContent('h1'), '二層が読み方をおぼえる');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  const { en, ja } = await page.evaluate(async () => (await import(new URL('strings.js', location.href))).languages);
  const filled = (strings) =>
    Object.entries(strings).flatMap(([key, text]) =>
      typeof text === 'object' ? filled(text).map((inner) => `${key}.${inner}`) : `${key}: ${[...`${text}`.matchAll(/\{\w+\}/g)].sort()}`);
  assert.deepEqual(filled(ja).sort(), filled(en).sort());
  await browser.close();
});

describe('on a GPU that is a program', () => {
  let browser;
  let page;
  let errors;
  before(async () => {
    browser = await launch({ gpu: true });
    ({ page, errors } = await open(browser, server.url));
    await hasBegun(page);
  });
  after(() => browser.close());

  test('steps give the weights of a native run', async () => {
    for (const run of RUNS) {
      assertNative(await weights(page, { device: 'gpu', ...run }), run);
      const { device } = await page.evaluate(() => window.twolayer.state());
      assert.equal(device.kind, 'gpu');
    }
    assert.match(await page.textContent('#device'), /WebGPU$/);
  });

  test('it learns', async () => {
    const settings = { device: 'gpu', hidden: 50, activation: 'relu', learningRate: 0.2, seed: 0, steps: 200 };
    const { testAccuracy } = await train(page, settings);
    assert.ok(testAccuracy > 0.6, `${testAccuracy}`);
  });

  test('a device that is lost in the middle: a line, and the CPU goes on', async () => {
    const [worker] = page.workers();
    await worker.evaluate(() => {
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...given) {
        self.opened = await request.apply(this, given);
        return self.opened;
      };
    });
    await page.evaluate(() => window.twolayer.train({ device: 'cpu', steps: 1 }));
    const ended = train(page, { device: 'gpu', steps: 3000 });
    await until(page, async () => {
      const { device, steps } = await window.twolayer.state();
      return device.kind === 'gpu' && steps > 5;
    });
    await worker.evaluate(() => self.opened.destroy());
    const { device, steps } = await ended;
    assert.equal(device.kind, 'cpu');
    assert.equal(steps, 3000);
    assert.match(await page.textContent('#message'), /^The GPU failed; the CPU goes on from step \d/);
  });

  test('no error in the console', () => assert.deepEqual(errors, []));
});
