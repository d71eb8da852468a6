// A steady stream of numbered events, which a killed gateway only delays: each number is in the log once, in order.

import { setTimeout as pause } from 'node:timers/promises';

/** Publishes `{n}` as `count` events to `topic`, `rate` a second, until `stop` says how many there were. */
export function stream(gateway, topic, rate) {
  let count = 0;
  let isOver = false;
  const work = (async () => {
    const start = performance.now();
    while (!isOver) {
      const due = Math.floor(((performance.now() - start) / 1000) * rate);
      // What a restart has held up is made up for, in batches.
      const events = [];
      while (count < due && events.length < 100) events.push({ topic, type: 'count', payload: { n: count++ } });
      if (events.length > 0) await gateway.publish(events);
      else await pause(10);
    }
    return count;
  })();
  // Whoever stops it hears of a failure; a test that has failed before does not.
  work.catch(() => {});
  return {
    stop() {
      isOver = true;
      return work;
    },
  };
}

/** Waits until `is` holds. */
export async function until(is, what, ms = 20_000) {
  for (const end = Date.now() + ms; ; await pause(20)) {
    const found = await is();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it never came to it: ${what}`);
  }
}
