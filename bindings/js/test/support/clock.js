// A clock that stands still until a test moves it.

const real = { setTimeout, clearTimeout, setImmediate, now: Date.now };

/** Lets everything run that does not wait for time. */
export async function settle() {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => real.setImmediate(resolve));
}

/** Takes the place of the global clock and timers, until `restore`. */
export function fakeClock() {
  let now = 0;
  let wall = Date.UTC(2026, 0, 1);
  let last = 0;
  const timers = new Map();
  globalThis.setTimeout = (call, ms = 0) => {
    timers.set(++last, { at: now + Math.max(0, ms), call });
    return last;
  };
  globalThis.clearTimeout = (id) => timers.delete(id);
  performance.now = () => now;
  Date.now = () => wall;
  const step = (ms) => {
    now += ms;
    wall += ms;
  };
  return {
    get now() {
      return now;
    },
    /** How many timers are armed. */
    get timers() {
      return timers.size;
    },
    /** Fires what is due within `ms`, in order, each at its time. */
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
        if (!due) break;
        timers.delete(due[0]);
        step(Math.max(0, due[1].at - now));
        due[1].call();
        await settle();
      }
      step(end - now);
      await settle();
    },
    /** The machine sleeps: only the wall clock goes on, and no timer fires. */
    sleep(ms) {
      wall += ms;
    },
    /** Both clocks go on, but nothing runs: a held-up program. */
    hold(ms) {
      step(ms);
    },
    restore() {
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clearTimeout;
      delete performance.now;
      Date.now = real.now;
    },
  };
}
