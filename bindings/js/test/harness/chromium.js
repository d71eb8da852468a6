// A real Chromium without a window, and pages in it that are of a test's own.

import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts it; `CHROMIUM` names another than Debian's. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS, timeout: 60_000 });
}

/** A page at `url` in a context of its own, loaded and with the package in it. */
export async function open(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const failed = [];
  page.on('pageerror', (error) => failed.push(error.message));
  await page.goto(url);
  try {
    await page.waitForFunction(() => globalThis.bowline && globalThis.scenario);
  } catch (error) {
    throw new Error(`the page did not load: ${failed.join('; ') || error.message}`);
  }
  return page;
}

/** Bytes in use on the page's heap after everything that can go is gone. */
export async function heapOf(page) {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('HeapProfiler.enable');
    // Finalizers run between collections.
    for (let turn = 0; turn < 3; turn++) {
      await session.send('HeapProfiler.collectGarbage');
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 20)));
    }
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  } finally {
    await session.detach();
  }
}
