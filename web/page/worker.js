// The worker: it answers the page's calls and sends it events. All computing is here, so that the page never stutters.
import { load } from './engine.js';
import { Training } from './training.js';

const emit = (event, detail, moved = []) => self.postMessage({ event, detail }, moved);

const ready = (async () => {
  const library = await load();
  const training = new Training(library, emit);
  training.takeSets(library.Sets.drawn(), true);
  return { library, training };
})();

const calls = {
  async start({ training }, settings) {
    await training.start(settings);
  },
  go({ training }, steps) {
    training.settings = { ...training.settings, steps };
    training.go();
  },
  async stop({ training }) {
    await training.stop();
  },
  async ended({ training }) {
    await training.ended;
  },
  // The page listens from now on.
  open({ library, training }) {
    training.announceSets();
    return library.book();
  },
  state({ training }) {
    return training.state();
  },
  setLearningRate({ training }, rate) {
    return training.setLearningRate(rate);
  },
  predict({ training }, pixels) {
    return training.predict(pixels);
  },
  file({ training }, format) {
    return training.file(format);
  },
  // A drawing: red, green, blue and alpha, [side, side, 4].
  draw({ library, training }, rgba, side, label) {
    const pixels = library.image(rgba, side, training.sets.sizes().pixels);
    return training.look(pixels ?? null, label);
  },
  lookAtTestImage({ training }, index) {
    const label = training.sets.test_label(index);
    return training.look(training.sets.test_image(index), label);
  },
  async useFiles({ library, training }, files) {
    const sets = library.Sets.files(files);
    await training.stop();
    await training.alone(() => training.takeSets(sets, false));
    training.announceSets();
  },
};

self.onmessage = async ({ data: { id, call, args } }) => {
  try {
    self.postMessage({ id, result: await calls[call](await ready, ...args) });
  } catch (error) {
    self.postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
