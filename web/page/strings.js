// All that the page says. `{name}` is filled in.

const ENGLISH = {
  title: 'twolayer: a network that learns to read digits while you watch',
  heading: 'Two layers learn to read',
  lead:
    'This page is training a neural network, on your machine, from nothing: 784 pixels, {hidden} hidden units, 10 digits. ' +
    'It is the network of the book “Deep Learning from Scratch”. Draw a digit, and watch it change its mind.',

  draw: 'Draw a digit',
  padLabel:
    'Drawing pad. Draw with mouse, finger or pen; or move the pen with the arrow keys, and lower or lift it with the space bar.',
  clear: 'Clear',
  another: 'A test digit',
  seesLabel: 'The image that the network sees, 28 by 28 pixels',
  thinks: 'What it thinks',
  sure: '{percent} sure.',
  unsure: 'It cannot tell yet.',
  asTest: 'The picture is a {label} that it never trains on.',
  asDrawing: 'Your drawing, centred and scaled as the digits it trains on.',
  probabilityLabel: 'Digit {digit}: {percent}',

  training: 'Training',
  stop: 'Stop',
  goOn: 'Go on',
  restart: 'Start anew',
  steps: 'steps',
  stepsPerSecond: 'steps a second',
  loss: 'loss',
  testAccuracy: 'test accuracy',
  trainAccuracy: 'training accuracy',
  lossCurve: 'Loss of each batch',
  accuracyCurve: 'Accuracy',
  lossCurveLabel: 'Curve of the loss, now {loss} after {steps} steps',
  accuracyCurveLabel: 'Curves of the accuracy after {steps} steps: {train} of the training digits, {test} of the test digits',

  units: 'What the {hidden} hidden units look for',
  unitsNote:
    'Each square holds one unit’s 784 weights: {positive} pixels speak for it, {negative} ones against it. ' +
    'The units that decided on the digit above are framed, and the bar below each square is its answer.',
  unitsPositive: 'orange',
  unitsNegative: 'blue',
  unitsLabel: 'Weights of {hidden} hidden units. Most decisive for this digit: units {best}.',

  settings: 'Settings',
  settingsNote: 'The learning rate changes at once; anything else starts a new network.',
  device: 'Device',
  auto: 'the best',
  gpu: 'WebGPU',
  cpu: 'CPU',
  hidden: 'Hidden units',
  activation: 'Activation',
  learningRate: 'Learning rate',
  seed: 'Seed',
  data: 'Digits',
  dataDrawn: '{train} digits drawn by this page to train on, {test} others to test.',
  dataFiles: '{train} images of your files to train on, {test} to test.',
  dataDrop: 'Or drop MNIST’s four files anywhere on this page; they stay on your machine.',
  choose: 'Choose files',
  download: 'Take it with you',
  downloadNote: 'The network as it is now, for Python or any other program.',

  onGpu: '{name}, WebGPU',
  onCpu: 'CPU, WebAssembly with {instructions}',
  loading: 'Drawing digits to learn from …',

  tabTrain: 'The weights',
  tabInside: 'The computation',
  insideHeading: 'The computation, step by step',
  insideLead:
    'Every value of the network for the digit above, in double precision, by the weights of this moment. Beside it the kernel that ' +
    'computes it on a GPU: {where}.',
  insideGpu: 'these kernels are training the network right now',
  insideCpu: 'here the CPU trains, by the same formulas',
  meant: 'The digit is meant to be',
  meantNote: 'The loss and its derivatives need to know.',
  valuesLabel: '{count} values of {name}, from {least} to {most}',
  stages: {
    x: ['x', 'The image: 784 pixels, each a byte divided by 255.'],
    a1: ['a1 = x W1 + b1', 'Each hidden unit sums its weighted pixels.'],
    z1: ['z1 = activation(a1)', 'The activation bends each sum: {activation}.'],
    a2: ['a2 = z1 W2 + b2', 'Each digit sums what the hidden units say for it: the logits.'],
    y: ['y = softmax(a2)', 'Logits become probabilities.'],
    loss: ['L = −log y[t]', 'The loss: how surprised the network is by the right digit, {label}.'],
    dy: ['dy = y − t', 'The error of each probability. It flows back from here.'],
    dz1: ['dz1 = dy W2ᵀ', 'How much each hidden unit is to blame.'],
    da1: ['da1 = dz1 · activation′(a1)', 'The same before the activation.'],
    dW2: ['dW2 = z1ᵀ dy', 'How each weight between hidden unit and digit should move.'],
    dW1: ['dW1 = xᵀ da1', 'How each weight between pixel and hidden unit should move. Pixels that are 0 move nothing. Shown for the first ten units.'],
  },

  hiddenTab: 'Paused while this tab is hidden.',
  done: 'Done after {steps} steps. “Go on” trains as many more.',
  stopped: 'Stopped after {steps} steps.',
  noGpu: 'This browser offers no GPU here; the CPU trains instead.',
  notOpened: 'The GPU could not be used ({reason}); the CPU trains instead.',
  lost: 'The GPU failed; the CPU goes on from step {steps}. ({reason})',
  diverged: 'The loss grew beyond all numbers. Choose a lower learning rate and start anew.',
  memory: 'There is not enough memory for this. Choose fewer hidden units or fewer images; the network before is kept.',
  notASet: 'These files cannot be used: {reason}. Training goes on with the digits before.',
  failed: 'That did not work: {reason}',
  broken: 'The worker stopped: {reason} Reload the page; if that does not help, use a newer browser (WebAssembly with SIMD).',
  footer: 'Nothing leaves your machine: no server computes, nothing is counted, no cookie is set. Once loaded, the page works offline.',
};

export const strings = ENGLISH;

export function text(key, values = {}) {
  return fill(strings[key], values);
}

export function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const integers = new Intl.NumberFormat('en');
export const integer = (value) => integers.format(Math.round(value));
export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;

// Puts the texts where the page names them.
export function fillPage() {
  document.title = text('title');
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
}
