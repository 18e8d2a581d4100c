// The curves of loss and accuracy.
import { colour, fitted } from './palette.js';
import { integer, percent, text } from './strings.js';

const MOST_POINTS = 600;
const LEFT = 40;
const BELOW = 18;
const ABOVE = 6;

export class Curves {
  #loss = document.getElementById('loss-curve');
  #accuracy = document.getElementById('accuracy-curve');
  #losses = [];
  #evaluations = [];
  // Batches that a point of the loss's curve is the mean of.
  #width = 1;
  #open = [];

  clear() {
    this.#losses = [];
    this.#evaluations = [];
    this.#width = 1;
    this.#open = [];
  }

  addLosses(losses, steps) {
    losses.forEach((loss, place) => {
      this.#open.push(loss);
      if (this.#open.length < this.#width) return;
      const mean = this.#open.reduce((sum, value) => sum + value, 0) / this.#open.length;
      this.#losses.push([steps - losses.length + place + 1, mean]);
      this.#open = [];
    });
    if (this.#losses.length > MOST_POINTS) {
      this.#losses = pairs(this.#losses).map(([[, one], [at, other]]) => [at, (one + other) / 2]);
      this.#width *= 2;
    }
  }

  addEvaluation({ steps, trainAccuracy, testAccuracy }) {
    this.#evaluations.push([steps, trainAccuracy, testAccuracy]);
    if (this.#evaluations.length > MOST_POINTS) {
      this.#evaluations = pairs(this.#evaluations).map(([, last]) => last);
    }
  }

  // Forgets what is done again.
  cutAfter(steps) {
    const isBefore = ([at]) => at <= steps;
    this.#losses = this.#losses.filter(isBefore);
    this.#evaluations = this.#evaluations.filter(isBefore);
    this.#open = [];
  }

  draw() {
    const steps = Math.max(1, this.#losses.at(-1)?.[0] ?? 0, this.#evaluations.at(-1)?.[0] ?? 0);
    const highest = Math.max(0.5, ...this.#losses.map(([, loss]) => loss));
    const top = Math.ceil(highest * 2) / 2;
    const loss = new Chart(this.#loss, steps, top, [0, top / 2, top], (value) => `${Number(value.toFixed(2))}`);
    loss.line(this.#losses, 'cool');
    const accuracy = new Chart(this.#accuracy, steps, 1, [0, 0.5, 1], (value) => percent(value, 0));
    accuracy.line(this.#evaluations.map(([at, train]) => [at, train]), 'cool', true);
    accuracy.line(this.#evaluations.map(([at, , test]) => [at, test]), 'warm');
    accuracy.legend([
      ['warm', text('testAccuracy')],
      ['cool', text('trainAccuracy')],
    ]);
    this.#label(steps);
  }

  #label(steps) {
    const [, train = 0, test = 0] = this.#evaluations.at(-1) ?? [];
    const loss = (this.#losses.at(-1)?.[1] ?? 0).toFixed(3);
    this.#loss.setAttribute('aria-label', text('lossCurveLabel', { loss, steps: integer(steps) }));
    const values = { steps: integer(steps), train: percent(train), test: percent(test) };
    this.#accuracy.setAttribute('aria-label', text('accuracyCurveLabel', values));
  }
}

const pairs = (points) => points.flatMap((point, n) => (n % 2 ? [[points[n - 1], point]] : []));

class Chart {
  #context;
  #x;
  #y;
  #right;

  constructor(canvas, steps, top, marks, name) {
    const { context, width, height } = fitted(canvas);
    this.#context = context;
    this.#right = width;
    this.#x = (at) => LEFT + (at / steps) * (width - LEFT - 2);
    this.#y = (value) => height - BELOW - (Math.min(value, top) / top) * (height - BELOW - ABOVE);
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    for (const mark of marks) {
      context.fillStyle = colour('soft');
      context.textAlign = 'right';
      context.fillText(name(mark), LEFT - 6, this.#y(mark));
      context.fillStyle = colour('line');
      context.fillRect(LEFT, Math.round(this.#y(mark)), width - LEFT, 1);
    }
    context.fillStyle = colour('soft');
    context.fillText(integer(steps), width, height - 6);
    context.textAlign = 'left';
    context.fillText('0', LEFT, height - 6);
  }

  line(points, name, isThin = false) {
    const context = this.#context;
    context.beginPath();
    for (const [at, value] of points) context.lineTo(this.#x(at), this.#y(value));
    Object.assign(context, { strokeStyle: colour(name), lineWidth: isThin ? 1 : 1.75, lineJoin: 'round' });
    context.stroke();
  }

  legend(entries) {
    const context = this.#context;
    context.textAlign = 'right';
    entries.forEach(([name, label], row) => {
      context.fillStyle = colour(name);
      context.fillText(label, this.#right - 4, this.#y(0.3 - 0.2 * row));
    });
  }
}
