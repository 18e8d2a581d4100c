// The hidden units: their weights as images, and which of them decided on the digit.
import { colour, diverging, fitted, largestOf, onSchemeChange } from './palette.js';
import { integer, text } from './strings.js';

const GAP = 8;
const BAR = 4;
const LEAST = 44;
// Units beyond these are not drawn: they would be too small to see, or the page too long.
const MOST = 200;
const DECISIVE = 5;

export class Units {
  #canvas = document.getElementById('units');
  #heading = document.getElementById('units-heading');
  #weights = null;
  #size = { rows: 28, cols: 28 };
  #explained = null;
  #count = 0;
  #atlas = document.createElement('canvas');

  constructor() {
    const colours = { positive: mark('warm', 'unitsPositive'), negative: mark('cool', 'unitsNegative') };
    const parts = text('unitsNote', { positive: '\0positive\0', negative: '\0negative\0' }).split('\0');
    document.getElementById('units-note').replaceChildren(...parts.map((part) => colours[part] ?? part));
    addEventListener('resize', () => this.draw());
    onSchemeChange(() => this.show());
  }

  setSize({ rows, cols }) {
    this.#size = { rows, cols };
  }

  // W1, [input, hidden].
  setWeights({ w1, hidden }) {
    this.#weights = { w1, hidden };
    this.#heading.textContent = text('units', { hidden: integer(hidden) });
    this.#paint();
  }

  setExplained({ values }) {
    this.#explained = values;
    this.draw();
  }

  // Also after a time in which nobody could see them.
  show() {
    this.#paint();
    this.draw();
  }

  // All units side by side, to be cut from.
  #paint() {
    if (!this.#weights || this.#canvas.closest('[hidden]')) return;
    const { w1, hidden } = this.#weights;
    const { rows, cols } = this.#size;
    this.#count = Math.min(hidden, MOST);
    const width = this.#count * cols;
    const values = new Float32Array(width * rows);
    for (let unit = 0; unit < this.#count; unit++) {
      let largest = 0;
      for (let pixel = unit; pixel < w1.length; pixel += hidden) largest = Math.max(largest, Math.abs(w1[pixel]));
      const scale = largest > 0 ? 1 / largest : 0;
      let from = unit;
      for (let row = 0; row < rows; row++) {
        let to = row * width + unit * cols;
        for (let col = 0; col < cols; col++, from += hidden) values[to++] = w1[from] * scale;
      }
    }
    if (this.#atlas.width !== width || this.#atlas.height !== rows) Object.assign(this.#atlas, { width, height: rows });
    this.#atlas.getContext('2d').putImageData(new ImageData(diverging(values, 1), width, rows), 0, 0);
  }

  draw() {
    if (!this.#count || !this.#canvas.clientWidth) return;
    const count = this.#count;
    const { rows, cols } = this.#size;
    const room = this.#canvas.clientWidth + GAP;
    const across = columns(count, Math.floor(room / (LEAST + GAP)));
    const side = room / across - GAP;
    const down = Math.ceil(count / across);
    this.#canvas.style.height = `${down * (side + BAR + GAP)}px`;
    const { context } = fitted(this.#canvas);
    context.imageSmoothingEnabled = false;
    const best = this.#explained?.ranking.slice(0, DECISIVE) ?? [];
    const strongest = this.#explained ? largestOf(this.#explained.z1) : 0;
    for (let unit = 0; unit < count; unit++) {
      const [x, y] = [(unit % across) * (side + GAP), Math.floor(unit / across) * (side + BAR + GAP)];
      context.drawImage(this.#atlas, unit * cols, 0, cols, rows, x + 1, y + 1, side - 2, side - 2);
      const isBest = best.includes(unit);
      context.strokeStyle = colour(isBest ? 'ink' : 'line');
      context.lineWidth = isBest ? 2 : 1;
      context.strokeRect(x + 1, y + 1, side - 2, side - 2);
      const z = this.#explained?.z1[unit] ?? 0;
      context.fillStyle = colour(z < 0 ? 'cool' : 'warm');
      context.fillRect(x, y + side + 2, strongest > 0 ? (Math.abs(z) / strongest) * side : 0, BAR - 1);
    }
    const label = { hidden: count, best: best.map((unit) => unit + 1).join(', ') || '–' };
    this.#canvas.setAttribute('aria-label', text('unitsLabel', label));
  }
}

// As many columns as leave the last row fullest, of those that are not much wider than they must be.
function columns(count, most) {
  const empty = (across) => (across - (count % across)) % across;
  const least = Math.ceil(0.7 * most);
  const all = Array.from({ length: most - least + 1 }, (_, n) => most - n);
  return Math.min(count, all.reduce((best, across) => (empty(across) < empty(best) ? across : best)));
}

function mark(className, key) {
  return Object.assign(document.createElement('span'), { className, textContent: text(key) });
}
