// The main thread's tasks of 50 ms and more while the page loads and begins to train. First: ../build.sh, and npm ci in web/.
//   node tasks.mjs [--loads 10]
import { parseArgs } from 'node:util';
import { launch } from '../tests/browser.mjs';
import { serve } from '../tests/server.mjs';

// By then it trains, and all of it was shown.
const WATCHED_MS = 3500;

const { values } = parseArgs({ options: { loads: { type: 'string', default: '10' } } });
const server = await serve(new URL('../dist', import.meta.url).pathname);
const browser = await launch();
for (let load = 1; load <= Number(values.loads); load++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.tasks = [];
    const take = (list) => window.tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration)));
    new PerformanceObserver(take).observe({ type: 'longtask', buffered: true });
  });
  await page.goto(server.url);
  // Nothing is asked meanwhile: the first question has Playwright's own code compiled, which is a long task.
  await page.waitForTimeout(WATCHED_MS);
  const { tasks, steps } = await page.evaluate(async () => {
    const tasks = [...window.tasks];
    return { tasks, steps: (await window.twolayer.state()).steps };
  });
  console.log(`load ${load}: ${tasks.length ? `${tasks.join(', ')} ms` : 'none'} (${steps} steps trained)`);
  await context.close();
}
await browser.close();
await server.close();
