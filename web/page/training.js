// A network in training, in short pieces, so that the worker can listen between two of them.
import { adapterName } from './gpu.js';

// Long enough that a piece's overhead does not count, short enough that a drawing is answered at once.
const PIECE_MS = 30;
const MOST_STEPS = 1000;
const SHOW_MS = 100;
// Between two evaluations so many times as long as one takes.
const TRAINING_PER_EVALUATION = 5;

const pause = () =>
  new Promise((resolve) => {
    // A timer would wait 4 ms each time.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

export class Training {
  #library;
  #emit;
  #isDrawn = false;
  #trainer = null;
  // Its steps so far: it may not be asked while it trains.
  #steps = 0;
  #run = 0;
  #busy = Promise.resolve();
  #input = null;
  #piece = 1;
  #rates = [];
  #shown = 0;
  #evaluated = 0;
  #evaluationMs = 0;

  constructor(library, emit) {
    this.#library = library;
    this.#emit = emit;
    this.settings = library.book();
    this.sets = null;
    this.running = false;
    this.ended = Promise.resolve();
  }

  // The trainer's methods must not overlap. Where a GPU fails in the work, the CPU does it again, with the network as it was read
  // last or, as `resume` says, otherwise.
  alone(work, resume = () => this.#resumeOnCpu()) {
    const done = this.#busy.then(() => this.#withCpuInstead(work, resume));
    this.#busy = done.catch(() => {});
    return done;
  }

  async #withCpuInstead(work, resume) {
    try {
      return await work();
    } catch (error) {
      if (error.name !== 'device' || this.settings.device === 'cpu') throw error;
      this.settings = { ...this.settings, device: 'cpu' };
      await resume();
      this.#emit('lost', { message: error.message, steps: this.#steps });
      return work();
    }
  }

  // `isDrawn`: whether the page has drawn them itself.
  takeSets(sets, isDrawn) {
    this.sets?.free();
    this.sets = sets;
    this.#isDrawn = isDrawn;
  }

  announceSets() {
    this.#emit('sets', { ...this.sets.sizes(), isDrawn: this.#isDrawn });
  }

  // A new network by these settings; it trains until `steps`.
  async start(settings) {
    await this.stop();
    this.settings = { ...this.settings, ...settings };
    await this.alone(() => this.#create(), () => {});
    this.go();
  }

  async #create() {
    const trainer = await this.#library.Trainer.create(this.sets, ...this.#arguments());
    await this.#take(trainer);
    this.#emit('started', { settings: this.settings });
    await this.#evaluate();
    // It waited for its kernels to be compiled: its time says nothing of the next one's.
    this.#evaluationMs = 0;
    await this.#show();
  }

  #arguments() {
    const { device, hidden, activation, learningRate, seed } = this.settings;
    return [device, hidden, activation, learningRate, seed];
  }

  async #take(trainer) {
    this.#trainer?.free();
    this.#trainer = trainer;
    this.#steps = trainer.steps();
    this.#piece = 1;
    this.#rates = [];
    const device = trainer.device();
    if (device.kind === 'gpu') device.name = (await adapterName()) ?? device.name;
    this.device = device;
    this.#emit('device', device);
  }

  go() {
    if (this.running || !this.#trainer) return;
    this.running = true;
    this.#emit('running', true);
    this.ended = this.#loop(++this.#run);
  }

  async stop() {
    this.#run++;
    await this.ended;
  }

  async #loop(run) {
    try {
      while (run === this.#run && this.#steps < this.settings.steps) {
        await this.alone(() => this.#step());
        await pause();
      }
      await this.alone(async () => {
        await this.#evaluate();
        await this.#show();
      });
      if (run === this.#run) this.#emit('done', { steps: this.#steps });
    } catch (error) {
      this.#emit('failed', { name: error.name, message: error.message });
    }
    this.running = false;
    this.#emit('running', false);
  }

  async #step() {
    const steps = Math.min(this.#piece, this.settings.steps - this.#steps);
    const start = performance.now();
    const losses = await this.#trainer.train(steps);
    this.#steps += steps;
    const now = performance.now();
    this.#measure(steps, now - start);
    this.#emit('steps', { steps: this.#steps, losses, stepsPerSecond: this.stepsPerSecond() });
    if (now - this.#evaluated > TRAINING_PER_EVALUATION * this.#evaluationMs) await this.#evaluate();
    if (now - this.#shown > SHOW_MS) await this.#show();
  }

  #measure(steps, ms) {
    this.#rates.push([steps, ms]);
    if (this.#rates.length > 20) this.#rates.shift();
    const fitting = Math.round((steps * PIECE_MS) / Math.max(ms, 0.1));
    this.#piece = Math.max(1, Math.min(fitting, 2 * steps, MOST_STEPS));
  }

  // Of the last pieces, without what is done between them.
  stepsPerSecond() {
    const sum = (place) => this.#rates.reduce((sum, rate) => sum + rate[place], 0);
    return this.#rates.length ? (1000 * sum(0)) / sum(1) : 0;
  }

  async #resumeOnCpu() {
    const { Trainer } = this.#library;
    await this.#take(await Trainer.resumed(this.#trainer, this.sets, ...this.#arguments()));
  }

  async #evaluate() {
    const start = performance.now();
    this.evaluation = await this.#trainer.evaluate();
    this.#evaluated = performance.now();
    this.#evaluationMs = this.#evaluated - start;
    this.#emit('evaluation', { steps: this.#steps, ...this.evaluation });
  }

  // Everything that is seen of the weights.
  async #show() {
    await this.#trainer.read();
    this.#shown = performance.now();
    const w1 = this.#trainer.w1();
    this.#emit('weights', { w1, hidden: this.settings.hidden }, [w1.buffer]);
    await this.#explain();
  }

  async #explain() {
    if (!this.#input) return;
    const { pixels, label } = this.#input;
    this.#emit('explained', { pixels, label, values: await this.#trainer.explain(pixels, label) });
  }

  // What the network looks at from now on: an image and its class, if that is known.
  look(pixels, label) {
    this.#input = pixels && { pixels, label };
    return this.alone(() => this.#trainer && this.#explain());
  }

  predict(pixels) {
    return this.alone(async () => {
      await this.#trainer.read();
      return (await this.#trainer.explain(pixels, undefined)).y;
    });
  }

  setLearningRate(rate) {
    return this.alone(() => {
      this.#trainer?.set_learning_rate(rate);
      this.settings = { ...this.settings, learningRate: rate };
    });
  }

  file(format) {
    return this.alone(async () => {
      await this.#trainer.read();
      return format === 'onnx' ? this.#trainer.onnx() : this.#trainer.safetensors();
    });
  }

  state() {
    return {
      device: this.device,
      running: this.running,
      steps: this.#steps,
      stepsPerSecond: this.stepsPerSecond(),
      testAccuracy: this.evaluation?.testAccuracy ?? 0,
    };
  }
}
