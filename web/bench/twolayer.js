// This page's library, as its worker uses it: images stay bytes, and each step's batch is drawn within the time. `?device=cpu` or `gpu`.
import { read } from '../tests/safetensors.mjs';
import { data, offer } from './job.js';

const { load } = await import(new URL('./page/engine.js', location.href));
const { Sets, Trainer } = await load();
const device = new URLSearchParams(location.search).get('device');
const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
const files = await Promise.all(['images', 'labels', 'test-images', 'test-labels'].map(async (name) => [name, await bytes(name)]));
const sets = Sets.files(files);
const trainer = await Trainer.create(sets, device, 50, 'sigmoid', 0.1, Number(new URLSearchParams(location.search).get('seed') ?? 0));
if (trainer.device().kind !== device) throw new Error(`no ${device}`);
offer({
  set: await data(),
  piece: device === 'gpu' ? 20 : 100,
  steps: (count) => trainer.train(count),
  async params() {
    await trainer.read();
    return read(trainer.safetensors());
  },
});
