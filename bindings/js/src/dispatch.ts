// In which order things happen: one after another, whatever handlers do meanwhile.
//
// What the core orders is appended here and carried out by one loop. A handler that comes back in (closes, sends, connects)
// only appends; the loop that called it goes on when it returns.

export interface Taker<T> {
  take_(item: T): void;
}

export class Dispatch {
  // Takers and items in turn.
  readonly #queue: unknown[] = [];
  #isRunning = false;

  add_<T>(taker: Taker<T>, item: T): void {
    this.#queue.push(taker, item);
  }

  /** As `add_` and `run_`, without the way through the queue where nothing waits. */
  do_<T>(taker: Taker<T>, item: T): void {
    if (this.#isRunning || this.#queue.length > 0) this.add_(taker, item);
    else {
      this.#isRunning = true;
      try {
        taker.take_(item);
      } finally {
        this.#isRunning = false;
      }
    }
    if (this.#queue.length > 0) this.run_();
  }

  /** Carries out what waits, unless somebody is at it already. */
  run_(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const queue = this.#queue;
    let at = 0;
    try {
      while (at < queue.length) {
        const taker = queue[at++] as Taker<unknown>;
        taker.take_(queue[at++]);
        if (at >= COMPACT_AT) {
          queue.splice(0, at);
          at = 0;
        }
      }
    } finally {
      queue.splice(0, at);
      this.#isRunning = false;
    }
  }
}

/** Where a queue that never gets empty is cut, so that it does not keep what has been carried out. */
const COMPACT_AT = 8192;
