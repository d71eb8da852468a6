// Who listens, and how one value passes along the list: handlers and bounded async iterators.
//
// A value goes to those who listened when it came. Who unsubscribes meanwhile is not called any more, who subscribes meanwhile
// hears from the next value on, and who throws is reported like any uncaught error and stays subscribed.

import { BowlineError } from './errors.js';
import { whole } from './options.js';

/** Takes a value. Its parameter may be typed more narrowly than what is told, as in `(event: MessageEvent) => void`. */
export type Handler<T> = { of(value: T): unknown }['of'];

export interface ListenOptions {
  /** Unsubscribes when it aborts. */
  signal?: AbortSignal | undefined;
}

export interface StreamOptions {
  /** Ends the iteration with its reason. */
  signal?: AbortSignal | undefined;
  /**
   * How many values may wait to be taken, 1024 by default. When one more comes, the stream stops listening; what waits can still
   * be taken, and then `next()` rejects with `ITERATOR_FULL`. Nothing is left out silently, and nobody else is held up.
   */
  limit?: number | undefined;
}

/** An iterator that also ends by `return()`, a `break` out of `for await`, or `await using`. */
export interface Stream<T> extends AsyncIterableIterator<T> {
  return(): Promise<IteratorResult<T>>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** One kind of news. */
export interface Emitter<T> {
  /** Calls `handler` with each value from the next one on, until the returned function is called. */
  subscribe(handler: Handler<T>, options?: ListenOptions): () => void;
  /** The values from the next one on, for `for await`. */
  stream(options?: StreamOptions): Stream<T>;
  [Symbol.asyncIterator](): Stream<T>;
  /** How many handlers and streams listen. */
  readonly listenerCount: number;
}

interface Listener<T> {
  /** `undefined` once it was removed. */
  handler: Handler<T> | undefined;
  remove(): void;
  /** What follows when nothing will be told any more. */
  end: (() => void) | undefined;
}

export class Listeners<T> implements Emitter<T> {
  // Replaced when it changes, so that a value passes along the list as it was.
  #list: Listener<T>[] = [];
  #isEnded = false;
  #arrived: (() => void) | undefined;

  /** `arrived` is called when somebody starts to listen. */
  constructor(arrived?: () => void) {
    this.#arrived = arrived;
  }

  subscribe(handler: Handler<T>, options?: ListenOptions): () => void {
    if (typeof handler !== 'function') throw new TypeError('the handler is not a function');
    return this.add_(handler, options?.signal);
  }

  stream(options: StreamOptions = {}): Stream<T> {
    return streamOf(this, options);
  }

  [Symbol.asyncIterator](): Stream<T> {
    return this.stream();
  }

  get listenerCount(): number {
    return this.#list.length;
  }

  add_(handler: Handler<T>, signal?: AbortSignal, end?: () => void): () => void {
    if (this.#isEnded || signal?.aborted) {
      end?.();
      return () => {};
    }
    const remove = () => {
      listener.handler = undefined;
      this.#list = this.#list.filter((other) => other !== listener);
      signal?.removeEventListener('abort', remove);
    };
    const listener: Listener<T> = { handler, remove, end };
    this.#list = [...this.#list, listener];
    signal?.addEventListener('abort', remove);
    this.#arrived?.();
    return remove;
  }

  /** As `subscribe`, for handlers that are there once, however often they are added. */
  on_(handler: Handler<T>, options?: ListenOptions): () => void {
    return this.#of(handler)?.remove ?? this.subscribe(handler, options);
  }

  off_(handler: Handler<T>): void {
    this.#of(handler)?.remove();
  }

  #of(handler: Handler<T>): Listener<T> | undefined {
    return this.#list.find((listener) => listener.handler === handler);
  }

  emit_(value: T): void {
    const list = this.#list;
    for (let at = 0; at < list.length; at++) {
      const { handler } = list[at]!;
      try {
        handler?.(value);
      } catch (error) {
        report(error);
      }
    }
  }

  /** Whoever listens does so no more. */
  clear_(): void {
    for (const { remove, end } of this.#list) {
      remove();
      end?.();
    }
  }

  /** Nothing will be told any more. */
  end_(): void {
    this.#isEnded = true;
    this.clear_();
  }
}

function streamOf<T>(listeners: Listeners<T>, options: StreamOptions): Stream<T> {
  const { signal } = options;
  const limit = whole(options, 'limit', 1024);
  const items: T[] = [];
  let waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = [];
  let isOver = false;
  let error: unknown;

  const finish = (why?: unknown) => {
    if (isOver) return;
    isOver = true;
    error = why;
    stop();
    signal?.removeEventListener('abort', aborted);
    for (const { resolve, reject } of waiting) {
      if (error === undefined) resolve({ done: true, value: undefined });
      else reject(error);
      error = undefined;
    }
    waiting = [];
  };
  const aborted = () => finish(signal!.reason);
  const stop = listeners.add_(
    (value) => {
      const taker = waiting.shift();
      if (taker) taker.resolve({ done: false, value });
      else if (items.push(value) > limit) {
        items.pop();
        finish(new BowlineError('ITERATOR_FULL', `more than ${limit} values wait in an iterator: take them faster, or allow a higher \`limit\``));
      }
    },
    undefined,
    () => queueMicrotask(finish),
  );
  if (signal?.aborted) aborted();
  else signal?.addEventListener('abort', aborted);

  const stream: Stream<T> = {
    next() {
      if (items.length > 0) return Promise.resolve({ done: false, value: items.shift()! });
      if (!isOver) return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      const why = error;
      error = undefined;
      return why === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(why);
    },
    return() {
      items.length = 0;
      finish();
      error = undefined;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => stream,
  } as Omit<Stream<T>, typeof Symbol.asyncDispose> as Stream<T>;
  disposable(stream, undefined, () => stream.return().then(() => {}));
  return stream;
}

/** Gives `thing` the methods that `using` and `await using` call, on platforms that know them. */
export function disposable(thing: object, dispose: (() => void) | undefined, asyncDispose: () => Promise<void>): void {
  const give = (symbol: symbol | undefined, value: unknown) => {
    if (symbol && value) Object.defineProperty(thing, symbol, { value, configurable: true, writable: true });
  };
  give(Symbol.dispose, dispose);
  give(Symbol.asyncDispose, asyncDispose);
}

/** What a handler throws goes where uncaught errors go. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
