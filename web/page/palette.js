// The colours of the style sheet, for canvases.

const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });

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

// Weights as an image: `warm` where they are above 0, `cool` below, the paper's colour at 0.
export function diverging(values, largest) {
  const [paper, warm, cool] = ['raised', 'warm', 'cool'].map(rgb);
  const { data } = new ImageData(values.length, 1);
  for (let n = 0; n < values.length; n++) {
    const to = values[n] > 0 ? warm : cool;
    const share = largest > 0 ? Math.min(1, Math.abs(values[n]) / largest) : 0;
    for (let i = 0; i < 3; i++) data[4 * n + i] = paper[i] + share * (to[i] - paper[i]);
    data[4 * n + 3] = 255;
  }
  return data;
}

export const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
