// Keeps the page for when there is no network.

export function offline() {
  // Only pages from https or from this machine may have a service worker; elsewhere the page just needs the network.
  navigator.serviceWorker?.register('./sw.js').catch(() => {});
}
