// The worker: it answers the page's calls and sends it events. All computing is here, so that the page never stutters.
import { load } from './engine.js';
import { Session } from './session.js';

const emit = (event, detail, moved = []) => self.postMessage({ event, detail }, moved);

const ready = (async () => {
  const library = await load();
  const session = new Session(library, emit);
  session.takeSets(library.Sets.drawn(), true);
  return { library, session };
})();

const calls = {
  async start({ session }, settings) {
    await session.start(settings);
  },
  go({ session }, steps) {
    session.settings = { ...session.settings, steps };
    session.go();
  },
  async stop({ session }) {
    await session.stop();
  },
  async ended({ session }) {
    await session.ended;
  },
  // The page listens from now on.
  open({ library, session }) {
    session.announceSets();
    return library.book();
  },
  state({ session }) {
    return session.state();
  },
  setLearningRate({ session }, rate) {
    return session.setLearningRate(rate);
  },
  predict({ session }, pixels) {
    return session.predict(pixels);
  },
  file({ session }, format) {
    return session.file(format);
  },
  // A drawing: red, green, blue and alpha, [side, side, 4].
  draw({ library, session }, rgba, side, label) {
    const pixels = library.image(rgba, side, session.sets.sizes().pixels);
    return session.look(pixels ?? null, label);
  },
  lookAtTestImage({ session }, index) {
    const label = session.sets.test_label(index);
    return session.look(session.sets.test_image(index), label);
  },
  async useFiles({ library, session }, files) {
    const sets = library.Sets.files(files);
    await session.stop();
    await session.alone(() => session.takeSets(sets, false));
    session.announceSets();
  },
};

self.onmessage = async ({ data: { id, call, args } }) => {
  try {
    self.postMessage({ id, result: await calls[call](await ready, ...args) });
  } catch (error) {
    self.postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
