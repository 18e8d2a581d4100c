// The page's side of the worker: calls that return promises, and events. The page loads this before all else, so that the worker draws
// its digits meanwhile.

class Client extends EventTarget {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #waiting = new Map();
  #last = 0;
  // Why nothing will be answered any more, if so.
  #failure = null;

  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message ?? '');
    };
  }

  call(call, ...args) {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, args });
    });
  }

  on(event, listener) {
    this.addEventListener(event, ({ detail }) => listener(detail));
  }

  #receive({ id, result, error, event, detail }) {
    if (event) {
      this.dispatchEvent(new CustomEvent(event, { detail }));
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(Object.assign(new Error(error.message), { name: error.name }));
    else resolve(result);
  }

  // The worker itself broke.
  #fail(message) {
    this.#failure = Object.assign(new Error(message), { name: 'broken' });
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
    this.dispatchEvent(new CustomEvent('broken', { detail: this.#failure }));
  }
}

export const client = new Client();
