// What the network sees, and its probabilities.
import { percent, text } from './strings.js';

// Below this it may as well guess.
const SURE = 0.3;

export class Reading {
  #sees = document.getElementById('sees');
  #sure = document.getElementById('sure');
  #answer = document.getElementById('answer');
  #source = document.getElementById('source');
  #list = document.getElementById('probabilities');

  constructor() {
    this.#sees.setAttribute('aria-label', text('seesLabel'));
  }

  show({ pixels, label, values: { y, class: best } }, { rows, cols }, isDrawing) {
    this.#drawImage(pixels, rows, cols);
    const isSure = y[best] >= SURE;
    this.#answer.textContent = isSure ? best : '?';
    this.#sure.textContent = isSure ? text('sure', { percent: percent(y[best], 0) }) : text('unsure');
    this.#source.textContent = isDrawing ? text('asDrawing') : text('asTest', { label });
    if (this.#list.children.length !== y.length) this.#list.replaceChildren(...Array.from(y, row));
    y.forEach((probability, digit) => {
      const item = this.#list.children[digit];
      item.classList.toggle('best', digit === best);
      item.setAttribute('aria-label', text('probabilityLabel', { digit, percent: percent(probability) }));
      item.querySelector('i').style.transform = `scaleX(${probability})`;
      item.lastChild.textContent = percent(probability);
    });
  }

  #drawImage(pixels, rows, cols) {
    Object.assign(this.#sees, { width: cols, height: rows });
    const image = new ImageData(cols, rows);
    pixels.forEach((value, place) => image.data.set([value, value, value, 255], 4 * place));
    this.#sees.getContext('2d').putImageData(image, 0, 0);
  }
}

function row(_, digit) {
  const item = document.createElement('li');
  const bar = Object.assign(document.createElement('span'), { className: 'bar' });
  bar.append(document.createElement('i'));
  item.append(Object.assign(document.createElement('span'), { textContent: digit }), bar, document.createElement('span'));
  return item;
}
