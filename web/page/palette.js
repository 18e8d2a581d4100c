// The colours of the style sheet, for canvases.

// Where a colour is drawn to be read; made when it is first needed, which takes some milliseconds.
let probe = null;

const scheme = matchMedia('(prefers-color-scheme: dark)');
// Looked up once: a style is computed for each question.
const known = new Map();
scheme.addEventListener('change', () => known.clear());

function kept(key, find) {
  if (!known.has(key)) known.set(key, find());
  return known.get(key);
}

export function colour(name) {
  return kept(name, () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
}

// Red, green and blue, 0 to 255.
function rgb(name) {
  probe ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  return kept(`rgb ${name}`, () => {
    probe.fillStyle = colour(name);
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
  });
}

export function onSchemeChange(listener) {
  scheme.addEventListener('change', listener);
}

// Makes a canvas as many pixels large as the screen has for it.
export function fitted(canvas) {
  const { clientWidth, clientHeight } = canvas;
  const scale = devicePixelRatio;
  const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);
  return { context, width: clientWidth, height: clientHeight };
}

// Shades on either side of the paper's colour.
const SHADES = 255;

// From `cool` over the paper's colour to `warm`, each as one number: a page's first weights come before its code is optimised.
function shades() {
  return kept('shades', () => {
    const [paper, warm, cool] = ['raised', 'warm', 'cool'].map(rgb);
    const bytes = new Uint8ClampedArray(4 * (2 * SHADES + 1)).fill(255);
    for (let shade = -SHADES; shade <= SHADES; shade++) {
      const to = shade > 0 ? warm : cool;
      const at = 4 * (shade + SHADES);
      paper.forEach((from, i) => (bytes[at + i] = from + (Math.abs(shade) / SHADES) * (to[i] - from)));
    }
    return new Uint32Array(bytes.buffer);
  });
}

// Weights as an image: `warm` where they are above 0, `cool` below, the paper's colour at 0.
export function diverging(values, largest) {
  const colours = shades();
  const scale = largest > 0 ? SHADES / largest : 0;
  const pixels = new Uint32Array(values.length);
  for (let n = 0; n < values.length; n++) {
    // A value that is no number has the paper's colour too.
    pixels[n] = colours[SHADES + (Math.max(-SHADES, Math.min(SHADES, Math.round(values[n] * scale))) | 0)];
  }
  return new Uint8ClampedArray(pixels.buffer);
}

export const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
