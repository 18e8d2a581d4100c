// Puts the page together.
import { client } from './client.js';
import { Curves } from './curves.js';
import { takeFiles } from './files.js';
import { Inside } from './inside.js';
import { offline } from './offline.js';
import { Pad } from './pad.js';
import { onSchemeChange } from './palette.js';
import { Reading } from './reading.js';
import { SettingsForm } from './settings.js';
import { fillPage, integer, percent, text } from './strings.js';
import { tabs } from './tabs.js';
import { Units } from './units.js';

// Long enough to watch, and to read most of what is drawn.
const STEPS = 50_000;

const element = (id) => document.getElementById(id);

// The end of parsing, the first layout and each part of the page take some time: in one task, a slow machine would stutter.
const nextTask = () => new Promise((resolve) => setTimeout(resolve));
await nextTask();
fillPage();
await nextTask();
const curves = new Curves();
const reading = new Reading();
const inside = new Inside();
await nextTask();
const units = new Units();

let sizes = null;
let settings = null;
let explained = null;
let testImage = 0;
// The visitor's drawing; null while a test image is looked at.
let drawing = null;
let meant;
let isRunning = false;
let isHidden = false;

function say(key, values) {
  element('message').textContent = key ? text(key, values) : '';
  element('message').hidden = !key;
}

// What went wrong, in a line; training goes on with what works.
function sayFailed({ name, message }) {
  const known = { broken: 'broken', diverged: 'diverged', memory: 'memory' }[name];
  say(known ?? 'failed', { reason: message });
}

const attempt = (work) => work.catch(sayFailed);

function figures({ steps, stepsPerSecond, loss }) {
  element('figure-steps').textContent = integer(steps);
  if (stepsPerSecond !== undefined) element('figure-rate').textContent = integer(stepsPerSecond);
  if (loss !== undefined) element('figure-loss').textContent = loss.toFixed(3);
}

const sayLead = (hidden) => (element('lead').textContent = text('lead', { hidden }));
// As long as it will be, so that nothing moves.
sayLead('…');

let drawingCurves = false;
function drawCurves() {
  if (drawingCurves) return;
  drawingCurves = true;
  requestAnimationFrame(() => {
    drawingCurves = false;
    curves.draw();
  });
}

client.on('sets', (found) => {
  sizes = found;
  units.setSize(found);
  inside.setSize(found);
  const key = found.isDrawn ? 'dataDrawn' : 'dataFiles';
  element('data-sizes').textContent = text(key, { train: integer(found.train), test: integer(found.test) });
  meant = undefined;
  fillMeant(found.classes);
});
client.on('device', ({ kind, name, instructions, family, notice }) => {
  element('device').textContent = kind === 'gpu' ? text('onGpu', { name }) : text('onCpu', { instructions });
  if (notice) say(notice === 'noGpu' ? 'noGpu' : 'notOpened', { reason: notice });
  attempt(inside.setDevice(family));
});
client.on('started', (started) => {
  settings = started.settings;
  sayLead(integer(settings.hidden));
  curves.clear();
  figures({ steps: 0 });
});
client.on('steps', ({ steps, losses, stepsPerSecond }) => {
  curves.addLosses(losses, steps);
  figures({ steps, stepsPerSecond, loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length });
  drawCurves();
});
client.on('evaluation', (evaluation) => {
  curves.addEvaluation(evaluation);
  element('figure-accuracy').textContent = percent(evaluation.testAccuracy);
  drawCurves();
});
client.on('weights', (weights) => units.setWeights(weights));
client.on('explained', (found) => {
  explained = found;
  reading.show(found, sizes, drawing !== null);
  units.setExplained(found);
  showInside();
});
client.on('running', (running) => {
  isRunning = running;
  element('toggle').textContent = text(running ? 'stop' : 'goOn');
});
client.on('done', ({ steps }) => {
  // What went wrong meanwhile matters more.
  if (element('message').hidden) say('done', { steps: integer(steps) });
});
client.on('lost', ({ message, steps }) => {
  curves.cutAfter(steps);
  say('lost', { reason: message, steps: integer(steps) });
});
client.on('failed', sayFailed);
client.on('broken', sayFailed);

function showInside() {
  if (!explained || element('panel-inside').hidden) return;
  // The values come in a task of their own, and are by then the latest.
  if (inside.list()) setTimeout(showInside);
  else inside.show(explained, settings.activation);
}

function look() {
  return attempt(
    drawing ? client.call('draw', drawing.rgba, drawing.side, meant) : client.call('lookAtTestImage', testImage),
  );
}

const pad = new Pad(element('pad'), (rgba, side) => {
  drawing = { rgba, side };
  look();
});
element('pad').setAttribute('aria-label', text('padLabel'));
element('clear').onclick = lookAtTestImage;
element('another').onclick = () => {
  testImage = (testImage + 1) % sizes.test;
  lookAtTestImage();
};

function lookAtTestImage() {
  pad.clear();
  drawing = null;
  meant = undefined;
  for (const input of element('meant').elements) input.checked = false;
  look();
}

// What the drawing is meant to be, for its loss. Of a test image that is known.
function fillMeant(classes) {
  const choice = (digit) => {
    const label = document.createElement('label');
    const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'meant', value: digit });
    label.append(input, Object.assign(document.createElement('span'), { textContent: digit }));
    return label;
  };
  const legend = element('meant').firstElementChild;
  element('meant').replaceChildren(legend, ...Array.from({ length: classes }, (_, digit) => choice(digit)));
}
element('meant').onchange = ({ target }) => {
  meant = Number(target.value);
  look();
};

element('toggle').onclick = () => attempt(isRunning ? stop() : go());

async function stop() {
  await client.call('stop');
  const { steps } = await client.call('state');
  say('stopped', { steps: integer(steps) });
}

async function go() {
  const { steps } = await client.call('state');
  say(null);
  await client.call('go', steps < settings.steps ? settings.steps : steps + STEPS);
}

async function train(chosen) {
  say(null);
  await client.call('start', { steps: STEPS, ...chosen });
}

const form = new SettingsForm(element('settings'), {
  restart: (chosen) => attempt(train(chosen)),
  setLearningRate: (rate) => attempt(client.call('setLearningRate', rate)),
});
element('restart').onclick = () => form.isValid() && attempt(train(form.values()));

const sayNoSet = ({ message }) => say('notASet', { reason: message });

async function useFiles(files) {
  try {
    await client.call('useFiles', files);
  } catch (error) {
    (error.name === 'broken' ? sayFailed : sayNoSet)(error);
    return;
  }
  testImage = 0;
  await attempt(train(form.values()));
  if (!drawing) await look();
}
takeFiles(element('files'), useFiles, sayNoSet);

for (const button of document.querySelectorAll('[data-format]')) {
  button.onclick = () => attempt(download(button.dataset.format));
}

async function download(format) {
  const bytes = await client.call('file', format);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = `twolayer.${format}`;
  link.click();
  // The browser reads it after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

document.addEventListener('visibilitychange', async () => {
  if (document.hidden && isRunning) {
    isHidden = true;
    say('hiddenTab');
    await attempt(client.call('stop'));
  } else if (!document.hidden && isHidden) {
    isHidden = false;
    await attempt(go());
  }
});

tabs(element('tabs'), async () => {
  // The panel itself is laid out before.
  await nextTask();
  units.show();
  showInside();
});
addEventListener('resize', drawCurves);
onSchemeChange(() => {
  drawCurves();
  showInside();
});

// For tests, and for the curious.
window.twolayer = {
  // Trains a new network by these settings: {device, hidden, activation, learningRate, seed, steps}; what is left out is as it was.
  async train(chosen = {}) {
    await train(chosen);
    await client.call('ended');
    return client.call('state');
  },
  stop: () => client.call('stop'),
  state: () => client.call('state'),
  predict: (pixels) => client.call('predict', Uint8Array.from(pixels)),
  file: (format) => client.call('file', format),
};

try {
  const book = await client.call('open');
  form.fill(book);
  await train(book);
  await look();
  for (const id of ['another', 'toggle', 'restart']) element(id).disabled = false;
} catch (error) {
  say('broken', { reason: error.message });
}
offline();
