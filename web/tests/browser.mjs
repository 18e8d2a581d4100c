// The browser that the tests drive: the system's Chromium, with a GPU that is a program (SwiftShader), or without one. With HARDWARE_GPU set
// it takes the machine's own GPU, by Vulkan.
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const HARDWARE = ['--use-angle=vulkan', '--disable-vulkan-surface', '--ignore-gpu-blocklist'];
const ADAPTER = process.env.HARDWARE_GPU ? HARDWARE : ['--use-webgpu-adapter=swiftshader'];
const GPU = ['--enable-unsafe-webgpu', '--enable-features=Vulkan', ...ADAPTER];

export function launch({ gpu = false } = {}) {
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', ...(gpu ? GPU : ['--disable-gpu'])] });
}

// Opens the page. `errors` fills with all that a console would show in red.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(url);
  return { context, page, errors };
}

const PATIENCE_MS = 60_000;

// Until the page answers something true. (waitForFunction takes a promise itself for true.)
export async function until(page, question, argument) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await page.evaluate(question, argument))) {
    if (Date.now() > end) throw new Error(`never true: ${question}`);
    await page.waitForTimeout(20);
  }
}

// Until the page has trained its first step.
export async function hasBegun(page) {
  await page.waitForFunction(() => window.twolayer);
  await until(page, async () => (await window.twolayer.state()).steps > 0);
}
