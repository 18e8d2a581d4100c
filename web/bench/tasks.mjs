// The main thread's tasks of 50 ms and more while the page loads and begins to train, and when its second tab is looked at first. First:
// ../build.sh, and npm ci in web/.
//   node tasks.mjs [--loads 10]
import { parseArgs } from 'node:util';
import { launch } from '../tests/browser.mjs';
import { serve } from '../tests/server.mjs';

// By then it trains, and all of it was shown; then it is looked at for so long.
const [WATCHED_MS, LOOKED_MS] = [3500, 1500];

const { values } = parseArgs({ options: { loads: { type: 'string', default: '10' } } });
const server = await serve(new URL('../dist', import.meta.url).pathname);
const browser = await launch();
for (let load = 1; load <= Number(values.loads); load++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript((watched) => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true });
    setTimeout(() => {
      window.looked = performance.now();
      document.getElementById('tab-inside').click();
    }, watched);
  }, WATCHED_MS);
  await page.goto(server.url);
  // Nothing is asked meanwhile: the first question has Playwright's own code compiled, which is a long task.
  await page.waitForTimeout(WATCHED_MS + LOOKED_MS);
  const { loading, looking, steps } = await page.evaluate(async () => {
    const lasted = (isMeant) => window.tasks.filter(isMeant).map(({ duration }) => Math.round(duration));
    const loading = lasted(({ startTime }) => startTime < window.looked - 1);
    const looking = lasted(({ startTime }) => startTime >= window.looked - 1);
    return { loading, looking, steps: (await window.twolayer.state()).steps };
  });
  const said = (tasks) => (tasks.length ? `${tasks.join(', ')} ms` : 'none');
  console.log(`load ${load}: ${said(loading)}; looking inside: ${said(looking)} (${steps} steps trained)`);
  await context.close();
}
await browser.close();
await server.close();
