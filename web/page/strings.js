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

const JAPANESE = {
  title: 'twolayer：目の前で数字を読めるようになるニューラルネットワーク',
  heading: '二層が読み方をおぼえる',
  lead:
    'このページは、あなたの端末でニューラルネットワークをゼロから学習させています。入力は784画素、隠れ層は{hidden}ユニット、出力は10個の数字。' +
    '『ゼロから作るDeep Learning』のネットワークです。数字を描いて、答えが変わっていく様子を見てください。',

  draw: '数字を描く',
  padLabel: '描画パッド。マウス、指、ペンで描けます。矢印キーでペンを動かし、スペースキーで下ろしたり上げたりすることもできます。',
  clear: '消す',
  another: 'テスト画像',
  seesLabel: 'ネットワークが見ている28×28画素の画像',
  thinks: 'ネットワークの答え',
  sure: '確率{percent}',
  unsure: 'まだわかりません',
  asTest: '学習に使っていない「{label}」の画像です。',
  asDrawing: 'あなたの絵を、学習用の数字と同じように中央に寄せ、大きさをそろえたものです。',
  probabilityLabel: '数字{digit}：{percent}',

  training: '学習',
  stop: '止める',
  goOn: '続ける',
  restart: '最初から',
  steps: 'ステップ',
  stepsPerSecond: 'ステップ／秒',
  loss: '損失',
  testAccuracy: 'テスト精度',
  trainAccuracy: '訓練精度',
  lossCurve: 'バッチごとの損失',
  accuracyCurve: '認識精度',
  lossCurveLabel: '損失の曲線。{steps}ステップ後は{loss}',
  accuracyCurveLabel: '認識精度の曲線。{steps}ステップ後、訓練画像は{train}、テスト画像は{test}',

  units: '{hidden}個の隠れユニットが探しているもの',
  unitsNote:
    'ひとつの四角がひとつのユニットの784個の重みです。{positive}の画素は賛成、{negative}の画素は反対を表します。' +
    '上の数字を決めたユニットには枠が付き、下の棒がそのユニットの出力です。',
  unitsPositive: 'オレンジ',
  unitsNegative: '青',
  unitsLabel: '{hidden}個の隠れユニットの重み。この数字で決め手になったユニット：{best}',

  settings: '設定',
  settingsNote: '学習率はすぐに変わります。ほかの設定を変えると、新しいネットワークを学習します。',
  device: 'デバイス',
  auto: '最適なもの',
  gpu: 'WebGPU',
  cpu: 'CPU',
  hidden: '隠れユニット数',
  activation: '活性化関数',
  learningRate: '学習率',
  seed: '乱数の種',
  data: '数字の画像',
  dataDrawn: 'このページが描いた{train}個の数字で学習し、別の{test}個でテストします。',
  dataFiles: 'あなたのファイルの{train}枚で学習し、{test}枚でテストします。',
  dataDrop: 'MNISTの4つのファイルをこのページにドロップすることもできます。ファイルは端末の外に出ません。',
  choose: 'ファイルを選ぶ',
  download: '持ち帰る',
  downloadNote: '今のネットワークを、Pythonなどのプログラムのために。',

  onGpu: '{name}、WebGPU',
  onCpu: 'CPU、WebAssembly（{instructions}）',
  loading: '学習用の数字を描いています…',

  tabTrain: '重み',
  tabInside: '計算',
  insideHeading: '計算を一段ずつ',
  insideLead: '上の数字についてのすべての値を、今の重みから倍精度で計算したものです。横にあるのは、それをGPUで計算するカーネルです。{where}。',
  insideGpu: 'いま、このカーネルがネットワークを学習させています',
  insideCpu: 'ここではCPUが同じ式で学習しています',
  meant: '描いた数字の正解',
  meantNote: '損失とその微分には正解が必要です。',
  valuesLabel: '{name}の{count}個の値、{least}から{most}まで',
  stages: {
    x: ['x', '画像。784画素の値を255で割ったもの。'],
    a1: ['a1 = x W1 + b1', '各隠れユニットが、重みを掛けた画素を足し合わせます。'],
    z1: ['z1 = activation(a1)', '活性化関数（{activation}）を通します。'],
    a2: ['a2 = z1 W2 + b2', '各数字が、隠れユニットの意見を足し合わせます（ロジット）。'],
    y: ['y = softmax(a2)', 'ロジットを確率に変えます。'],
    loss: ['L = −log y[t]', '損失。正解の{label}にどれだけ驚いたかを表します。'],
    dy: ['dy = y − t', '確率の誤差。ここから逆向きに伝わります。'],
    dz1: ['dz1 = dy W2ᵀ', '各隠れユニットの責任の大きさ。'],
    da1: ['da1 = dz1 · activation′(a1)', '活性化関数の手前での値。'],
    dW2: ['dW2 = z1ᵀ dy', '隠れユニットと数字の間の重みの勾配。'],
    dW1: ['dW1 = xᵀ da1', '画素と隠れユニットの間の重みの勾配。値が0の画素は何も動かしません。最初の10ユニットを示します。'],
  },

  hiddenTab: 'タブが隠れている間は休みます。',
  done: '{steps}ステップで終わりました。「続ける」で同じだけ学習します。',
  stopped: '{steps}ステップで止めました。',
  noGpu: 'ここではGPUを使えないので、CPUで学習します。',
  notOpened: 'GPUを使えないので（{reason}）、CPUで学習します。',
  lost: 'GPUが使えなくなったので、{steps}ステップ目からCPUが続けます。（{reason}）',
  diverged: '損失が発散しました。学習率を下げて最初から始めてください。',
  memory: 'メモリが足りません。隠れユニットか画像を減らしてください。前のネットワークはそのままです。',
  notASet: 'このファイルは使えません：{reason}。前の数字で学習を続けます。',
  failed: 'うまくいきませんでした：{reason}',
  broken: '計算が止まりました：{reason} ページを再読み込みしてください。だめなら、新しいブラウザ（SIMD対応のWebAssembly）をお使いください。',
  footer: 'データは端末の外に出ません。サーバーでの計算も、計測も、クッキーもありません。一度読み込めば、オフラインでも動きます。',
};

// The visitor's language, where the page speaks it.
export const languages = { en: ENGLISH, ja: JAPANESE };
export const language = navigator.language.startsWith('ja') ? 'ja' : 'en';
export const strings = languages[language];

export function text(key, values = {}) {
  return fill(strings[key], values);
}

export function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Made when it is first needed, which takes some milliseconds.
let integers = null;
export function integer(value) {
  integers ??= new Intl.NumberFormat(language);
  return integers.format(Math.round(value));
}

export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;

// Puts the texts where the page names them.
export function fillPage() {
  document.documentElement.lang = language;
  document.title = text('title');
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
}
