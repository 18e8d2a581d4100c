// The pad that a visitor draws on.
import { colour, onSchemeChange } from './palette.js';

// What is sent: more than this is made smaller before it is looked at.
const SENT = 140;
const PEN = 1 / 13;
const KEY_STEP = 1 / 20;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  #canvas;
  #strokes = [];
  #changed;
  #pending = false;
  // Where the keys have moved the pen; null while nobody uses them.
  #pen = null;
  #isDown = false;
  #sent = Object.assign(document.createElement('canvas'), { width: SENT, height: SENT });

  // `changed` gets red, green, blue and alpha, [side, side, 4], at most once a frame.
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => this.#take(null));
    onSchemeChange(() => this.#draw());
  }

  clear() {
    this.#strokes = [];
    this.#isDown = false;
    this.#draw();
  }

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#canvas.focus();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#place(event)]);
    this.#sketch();
  }

  #move(event) {
    if (!this.#canvas.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const point of events.length ? events : [event]) this.#strokes.at(-1).push(this.#place(point));
    this.#sketch();
  }

  #key(event) {
    if (event.key === ' ') {
      event.preventDefault();
      this.#isDown = !this.#isDown;
      this.#take(this.#pen ?? [0.5, 0.5]);
      if (this.#isDown) this.#strokes.push([this.#pen]);
      this.#sketch();
    }
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const place = this.#pen ?? [0.5, 0.5];
    this.#take(place.map((at, axis) => Math.min(1, Math.max(0, at + KEY_STEP * step[axis]))));
    if (this.#isDown) {
      this.#strokes.at(-1).push(this.#pen);
      this.#sketch();
    }
  }

  #take(pen) {
    this.#pen = pen;
    if (!pen) this.#isDown = false;
    this.#draw();
  }

  #sketch() {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#draw();
      const context = this.#sent.getContext('2d', { willReadFrequently: true });
      context.clearRect(0, 0, SENT, SENT);
      this.#ink(context, SENT, '#000');
      this.#changed(context.getImageData(0, 0, SENT, SENT).data, SENT);
    });
  }

  #draw() {
    const { width } = this.#canvas;
    const context = this.#canvas.getContext('2d');
    context.clearRect(0, 0, width, width);
    this.#ink(context, width, colour('ink'));
    if (this.#pen) {
      context.beginPath();
      context.arc(this.#pen[0] * width, this.#pen[1] * width, (PEN / 2) * width, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = colour(this.#isDown ? 'warm' : 'cool');
      context.stroke();
    }
  }

  #ink(context, width, ink) {
    Object.assign(context, { lineWidth: PEN * width, lineCap: 'round', lineJoin: 'round', strokeStyle: ink });
    for (const [[x, y], ...rest] of this.#strokes) {
      context.beginPath();
      context.moveTo(x * width, y * width);
      // A point alone is a dot.
      for (const [x2, y2] of rest.length ? rest : [[x, y]]) context.lineTo(x2 * width, y2 * width);
      context.stroke();
    }
  }
}
