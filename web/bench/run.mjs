// Steps a second of the book's job in one browser, in turns. First: ../build.sh, npm ci here and in web/, and $MNIST_DIR.
//   node run.mjs [--rounds 5] [PART OF A NAME...]
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';

import esbuild from 'esbuild';

import { launch } from '../tests/browser.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TRAIN_IMAGES = 10_000;
const ROUND_MS = 1500;
const SAME_STEPS = 200;
const CONTESTANTS = {
  'twolayer, WebAssembly': 'twolayer?device=cpu',
  'plain JavaScript without zeros': 'plain',
  'tfjs by hand, WebAssembly': 'tfjs?device=wasm',
  'jax-js, WebAssembly': 'jax?device=wasm',
  'twolayer, WebGPU': 'twolayer?device=gpu',
  'jax-js, WebGPU': 'jax?device=webgpu',
  'tfjs by hand, WebGPU': 'tfjs?device=webgpu',
};

const { values: options, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const chosen = Object.entries(CONTESTANTS).filter(([name]) => !positionals.length || positionals.some((part) => name.includes(part)));

const built = path.join(HERE, 'dist');
await esbuild.build({
  entryPoints: ['plain', 'jax', 'tfjs', 'twolayer'].map((name) => path.join(HERE, `${name}.js`)),
  bundle: true,
  minify: true,
  format: 'esm',
  outdir: built,
});

const mnist = (name) => {
  const file = path.join(process.env.MNIST_DIR ?? '', name);
  return fs.existsSync(`${file}.gz`) ? zlib.gunzipSync(fs.readFileSync(`${file}.gz`)) : fs.readFileSync(file);
};
// The first images of a file, under a header that says so.
const first = (bytes, header, size) => {
  const part = Buffer.from(bytes.subarray(0, header + TRAIN_IMAGES * size));
  part.writeUInt32BE(TRAIN_IMAGES, 4);
  return part;
};
const data = {
  images: first(mnist('train-images-idx3-ubyte'), 16, 784),
  labels: first(mnist('train-labels-idx1-ubyte'), 8, 1),
  'test-images': mnist('t10k-images-idx3-ubyte'),
  'test-labels': mnist('t10k-labels-idx1-ubyte'),
};
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };
const folders = { page: path.join(HERE, '../dist'), 'tfjs-wasm': path.join(HERE, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'), dist: built };
const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const [folder, ...rest] = pathname.slice(1).split('/');
  if (data[folder]) return response.end(data[folder]);
  if (!rest.length) {
    response.setHeader('content-type', 'text/html');
    return response.end(`<!doctype html><link rel="icon" href="data:,"><script type="module" src="dist/${folder}.js"></script>`);
  }
  const file = path.join(folders[folder] ?? built, path.normalize(rest.join('/')));
  if (!fs.existsSync(file)) return response.writeHead(404).end();
  response.setHeader('content-type', TYPES[file.split('.').at(-1)] ?? 'text/plain');
  return response.end(fs.readFileSync(file));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

// Seconds of CPU that all processes below this one have used: others may keep the machine busy, too.
function cpuSeconds() {
  const children = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {}
  }
  const below = (pid) => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  let nanoseconds = 0;
  for (const pid of below(String(process.pid))) {
    try {
      for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
        nanoseconds += Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      }
    } catch {}
  }
  return nanoseconds / 1e9;
}

const browser = await launch({ gpu: true });
const contestants = [];
for (const [name, address] of chosen) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(`${name}: ${error.message}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/${address}`);
  await page.waitForFunction(() => window.contestant, null, { timeout: 60_000 });
  const accuracy = await page.evaluate((steps) => window.contestant.train(steps), SAME_STEPS);
  contestants.push({ name, page, accuracy, wall: [], cpu: [] });
}
for (let round = 0; round < Number(options.rounds); round++) {
  for (const { page, wall, cpu } of contestants) {
    const before = cpuSeconds();
    const [rate, steps] = await page.evaluate((ms) => window.contestant.rate(ms), ROUND_MS);
    wall.push(rate);
    cpu.push(steps / (cpuSeconds() - before));
  }
}
const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
const git = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: HERE }).toString().trim();
console.log(`${new Date().toISOString()}, ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)}, ${browser.version()}, commit ${git}`);
console.log(`| who | steps/s | per CPU second | least to most | accuracy after ${SAME_STEPS} steps |\n|---|---|---|---|---|`);
for (const { name, accuracy, wall, cpu } of contestants) {
  const range = `${Math.min(...cpu).toFixed(0)} to ${Math.max(...cpu).toFixed(0)}`;
  console.log(`| ${name} | ${median(wall).toFixed(0)} | ${median(cpu).toFixed(0)} | ${range} | ${accuracy} |`);
}
await browser.close();
server.close();
server.closeAllConnections();
