// The computation for one digit, stage by stage, each with the kernel that computes it on a GPU.
import { diverging, largestOf } from './palette.js';
import { fill, strings, text } from './strings.js';

// The kernel of each stage, by the family that a GPU runs.
const KERNELS = {
  tiled: {
    image: 'tiled/nonzero',
    hidden: 'tiled/hidden',
    output: 'tiled/output',
    outputGradient: 'tiled/output_gradient',
    hiddenGradient: 'tiled/hidden_gradient',
  },
  fused: {
    hidden: 'fused/forward_backward',
    output: 'fused/forward_backward',
    outputGradient: 'fused/gradients',
    hiddenGradient: 'fused/gradients',
  },
  blocked: {
    hidden: 'blocked/hidden',
    output: 'blocked/output',
    outputGradient: 'fused/gradients',
    hiddenGradient: 'blocked/hidden_gradient',
  },
};
// The family that is the easiest to read.
const READABLE = 'tiled';
const STAGES = [
  ['x', 'image'],
  ['a1', 'hidden'],
  ['z1', 'hidden'],
  ['a2', 'output'],
  ['y', 'output'],
  ['loss', 'output'],
  ['dy', 'output'],
  ['dz1', 'output'],
  ['da1', 'output'],
  ['dW2', 'outputGradient'],
  ['dW1', 'hiddenGradient'],
];
const STRIP = 440;
const LARGEST_PIXEL = 6;
const KEYWORDS = /\b(fn|var|let|const|for|while|if|return|struct|override|array|vec4f|vec4u|vec3u|vec2u|u32|f32|mat4x4f|storage|uniform|workgroup|read_write|read)\b/;

export class Inside {
  #list = document.getElementById('stages');
  #stages = new Map(STAGES.map(([name]) => [name, new Stage(name)]));
  #size = { rows: 28, cols: 28 };
  #shaders = new Map();
  // The kernels of a device whose stages are not listed yet.
  #unlisted = null;

  setSize({ rows, cols }) {
    this.#size = { rows, cols };
  }

  // The folder of the kernels that train; null on the CPU.
  async setDevice(family) {
    document.getElementById('inside-lead').textContent = text('insideLead', {
      where: text(family ? 'insideGpu' : 'insideCpu'),
    });
    const kernels = KERNELS[family ?? READABLE];
    const files = [...new Set(Object.values(kernels))];
    await Promise.all(files.map((file) => this.#load(file)));
    await Promise.all(files.flatMap((file) => this.#imports(file)).map((file) => this.#load(file)));
    this.#unlisted = kernels;
  }

  // Lists the stages, once somebody looks: thousands of coloured words take a while. Returns whether they were not listed yet.
  list() {
    const kernels = this.#unlisted;
    if (!kernels) return false;
    this.#unlisted = null;
    // Neighbouring stages of one kernel stand beside it together.
    const groups = [];
    for (const [name, kernel] of STAGES) {
      const file = kernels[kernel] ?? null;
      if (groups.at(-1)?.file !== file) groups.push({ file, names: [] });
      groups.at(-1).names.push(name);
    }
    this.#list.replaceChildren(...groups.map((group) => this.#group(group)));
    return true;
  }

  #group({ file, names }) {
    const values = Object.assign(document.createElement('div'), { className: 'values' });
    values.append(...names.map((name) => this.#stages.get(name).element));
    const item = document.createElement('li');
    item.append(values);
    if (file) item.append(this.#kernel(file));
    return item;
  }

  // The kernel, and closed what it imports.
  #kernel(file) {
    const column = Object.assign(document.createElement('div'), { className: 'kernel' });
    const all = [file, ...this.#imports(file)];
    column.append(...all.map((name) => shader(name, this.#shaders.get(name), name === file)));
    return column;
  }

  #imports(file) {
    return [...this.#shaders.get(file).matchAll(/^#import (\w+)$/gm)].map(([, name]) => `shared/${name}`);
  }

  async #load(file) {
    if (this.#shaders.has(file)) return;
    const answer = await fetch(new URL(`./shaders/${file}.wgsl`, import.meta.url));
    this.#shaders.set(file, answer.ok ? await answer.text() : '');
  }

  show({ label, values }, activation) {
    const { rows, cols } = this.#size;
    const hidden = values.z1.length;
    const classes = values.y.length;
    // How each value's tensor is laid out on the page: columns, and what a place is called.
    const columns = { x: cols, a1: hidden, z1: hidden, a2: classes, y: classes, dy: classes, dz1: hidden, da1: hidden };
    for (const [name, stage] of this.#stages) {
      if (values[name] === undefined) {
        stage.element.hidden = true;
        continue;
      }
      stage.element.hidden = false;
      stage.describe({ activation, label: label ?? '' });
      if (name === 'loss') stage.number(values.loss);
      else if (name === 'dW2') stage.values(transposed(values.dW2, classes), hidden);
      else if (name === 'dW1') stage.values(byUnit(values.dW1, hidden, rows, cols), cols * ACROSS);
      else stage.values(values[name], columns[name]);
    }
  }
}

// dW2 is [hidden, classes]; a row a class is wider than high.
function transposed(values, classes) {
  const hidden = values.length / classes;
  return Float64Array.from(values, (_, place) => values[(place % hidden) * classes + Math.floor(place / hidden)]);
}

// The images of the first units that are shown of dW1.
const [ACROSS, DOWN] = [5, 2];

// dW1 is [input, hidden]; here it is rows of images, one for each of the first units.
function byUnit(values, hidden, rows, cols) {
  const width = cols * ACROSS;
  return Float64Array.from({ length: width * rows * DOWN }, (_, place) => {
    const [down, across] = [Math.floor(place / width), place % width];
    const unit = Math.floor(down / rows) * ACROSS + Math.floor(across / cols);
    return unit < hidden ? values[((down % rows) * cols + (across % cols)) * hidden + unit] : 0;
  });
}

class Stage {
  #name;
  #note = document.createElement('p');
  #shown = document.createElement('canvas');
  #range = Object.assign(document.createElement('p'), { className: 'note' });
  element = document.createElement('section');

  constructor(name) {
    this.#name = name;
    const [formula] = strings.stages[name];
    this.#shown.setAttribute('role', 'img');
    this.element.append(Object.assign(document.createElement('h3'), { textContent: formula }), this.#note, this.#shown, this.#range);
  }

  describe(values) {
    this.#note.textContent = fill(strings.stages[this.#name][1], values);
  }

  number(value) {
    this.#shown.hidden = true;
    this.#range.className = 'number';
    this.#range.textContent = value.toFixed(4);
  }

  values(values, columns) {
    const rows = values.length / columns;
    const scale = rows === 1 ? STRIP / columns : Math.max(1, Math.min(LARGEST_PIXEL, Math.floor(STRIP / columns)));
    const canvas = this.#shown;
    Object.assign(canvas, { width: columns, height: rows });
    canvas.style.width = `${columns * scale}px`;
    canvas.style.height = `${(rows === 1 ? 22 : rows * scale)}px`;
    const largest = largestOf(values);
    canvas.getContext('2d').putImageData(new ImageData(diverging(values, largest), columns, rows), 0, 0);
    const [least, most] = values.reduce(([l, m], value) => [Math.min(l, value), Math.max(m, value)], [Infinity, -Infinity]);
    const range = { count: values.length, name: this.#name, least: short(least), most: short(most) };
    this.#range.textContent = text('valuesLabel', range);
    canvas.setAttribute('aria-label', text('valuesLabel', range));
  }
}

function shader(file, wgsl, open) {
  const details = Object.assign(document.createElement('details'), { open });
  const code = Object.assign(document.createElement('pre'), { tabIndex: 0 });
  const highlight = () => details.open && !code.firstChild && code.append(...highlighted(wgsl));
  details.ontoggle = highlight;
  // Each in a task of its own.
  setTimeout(highlight);
  details.append(Object.assign(document.createElement('summary'), { textContent: `${file}.wgsl` }), code);
  return details;
}

const short = (value) => (value === 0 ? '0' : Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3));

function highlighted(wgsl) {
  return wgsl.split(/(\/\/[^\n]*)/).flatMap((part) => {
    if (part.startsWith('//')) return [Object.assign(document.createElement('i'), { textContent: part })];
    return part
      .split(KEYWORDS)
      .map((word) => (KEYWORDS.test(word) ? Object.assign(document.createElement('b'), { textContent: word }) : word));
  });
}
