// The computation for one digit, stage by stage, each with the kernel that computes it on a GPU.
import { diverging, largestOf } from './palette.js';
import { fill, strings, text } from './strings.js';

// The kernel of each stage, by the family that a GPU runs.
const KERNELS = {
  tiled: {
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
  ['x', null],
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
const KEYWORDS = /\b(fn|var|let|const|for|if|return|struct|override|array|vec4f|vec4u|vec3u|vec2u|u32|f32|mat4x4f|storage|uniform|workgroup|read_write|read)\b/;

export class Inside {
  #list = document.getElementById('stages');
  #stages = new Map();
  #size = { rows: 28, cols: 28 };
  #family = READABLE;
  #shaders = new Map();

  constructor() {
    for (const [name, kernel] of STAGES) {
      const stage = new Stage(name, kernel);
      this.#stages.set(name, stage);
      this.#list.append(stage.item);
    }
  }

  setSize({ rows, cols }) {
    this.#size = { rows, cols };
  }

  // The folder of the kernels that train; null on the CPU.
  async setDevice(family) {
    this.#family = family ?? READABLE;
    document.getElementById('inside-lead').textContent = text('insideLead', {
      where: text(family ? 'insideGpu' : 'insideCpu'),
    });
    for (const [, kernel] of STAGES.filter(([, kernel]) => kernel)) await this.#load(KERNELS[this.#family][kernel]);
    for (const [name, kernel] of STAGES.filter(([, kernel]) => kernel)) {
      const file = KERNELS[this.#family][kernel];
      this.#stages.get(name).setKernel(file, this.#shaders.get(file));
    }
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
        stage.item.hidden = true;
        continue;
      }
      stage.item.hidden = false;
      stage.describe({ activation, label: label ?? '' });
      if (name === 'loss') stage.number(values.loss);
      else if (name === 'dW2') stage.values(transposed(values.dW2, classes), hidden);
      else if (name === 'dW1') stage.values(byUnit(values.dW1, hidden, rows, cols), cols * TILES);
      else stage.values(values[name], columns[name]);
    }
  }
}

const TILES = 10;

// dW2 is [hidden, classes]; a row a class is wider than high.
function transposed(values, classes) {
  const hidden = values.length / classes;
  return Float64Array.from(values, (_, place) => values[(place % hidden) * classes + Math.floor(place / hidden)]);
}

// dW1 is [input, hidden]; here it is a row of images, one for each of the first units.
function byUnit(values, hidden, rows, cols) {
  const width = cols * TILES;
  return Float64Array.from({ length: width * rows }, (_, place) => {
    const [row, across] = [Math.floor(place / width), place % width];
    const [unit, col] = [Math.floor(across / cols), across % cols];
    return unit < hidden ? values[(row * cols + col) * hidden + unit] : 0;
  });
}

class Stage {
  #name;
  #note = document.createElement('p');
  #shown = document.createElement('canvas');
  #range = Object.assign(document.createElement('p'), { className: 'note' });
  #details = document.createElement('details');
  #file = null;

  constructor(name, kernel) {
    this.#name = name;
    const [formula] = strings.stages[name];
    const left = document.createElement('div');
    left.append(Object.assign(document.createElement('h3'), { textContent: formula }), this.#note, this.#shown, this.#range);
    this.#shown.setAttribute('role', 'img');
    this.item = document.createElement('li');
    this.item.append(left);
    if (kernel) this.item.append(this.#details);
  }

  describe(values) {
    this.#note.textContent = fill(strings.stages[this.#name][1], values);
  }

  setKernel(file, wgsl) {
    if (file === this.#file) return;
    this.#file = file;
    this.#details.open = true;
    const summary = Object.assign(document.createElement('summary'), { textContent: text('kernel', { file: `${file}.wgsl` }) });
    const code = Object.assign(document.createElement('pre'), { tabIndex: 0 });
    code.append(...highlighted(wgsl));
    this.#details.replaceChildren(summary, code);
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

const short = (value) => (value === 0 ? '0' : Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3));

function highlighted(wgsl) {
  return wgsl.split(/(\/\/[^\n]*)/).flatMap((part) => {
    if (part.startsWith('//')) return [Object.assign(document.createElement('i'), { textContent: part })];
    return part
      .split(KEYWORDS)
      .map((word) => (KEYWORDS.test(word) ? Object.assign(document.createElement('b'), { textContent: word }) : word));
  });
}
