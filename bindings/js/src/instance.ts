// The compiled core as it stands in memory: one instance, shared by every connection. How values are written for it and its
// answers read is the counterpart of `core/src/values.rs` and `core/src/json.rs`.

import { instantiate } from 'bowline-core';

import { BowlineError } from './errors.js';

/** The exports of `core/src/abi.rs`. */
export interface Exports {
  memory: { readonly buffer: ArrayBuffer };
  core_input(length: number): number;
  core_answer(): number;
  core_new(now: number, length: number): number;
  core_free(core: number): void;
  core_call(core: number, now: number, what: number, id: number, length: number): number;
  core_event(
    core: number,
    now: number,
    link: number,
    topic: number,
    seq: number,
    prev: number,
    digest: number,
  ): number;
  core_topic(core: number, length: number): number;
  core_forget_topics(core: number): void;
  core_deadline(core: number): number;
  core_tells_copies(core: number): number;
  core_position(core: number): number;
}

/** What is written: `undefined` is "not given". */
export type Value = undefined | boolean | number | string | readonly Value[];

/** The compiled core failed, or was used after it was freed: no fact about the connection, a bug or a machine without memory. */
export class CoreError extends BowlineError {
  constructor(message: string, cause?: unknown) {
    super('CORE', message);
    this.name = 'CoreError';
    this.cause = cause;
  }
}

export class Instance {
  /** Gone once a call has failed: then nothing in its memory can be trusted. */
  #exports: Exports | undefined = instantiate();
  #cause: unknown;
  #encoder = new TextEncoder();
  #decoder = new TextDecoder();
  #dropped = new FinalizationRegistry<number>((core) => this.#exports?.core_free(core));

  get exports(): Exports {
    if (!this.#exports) throw failed(this.#cause);
    return this.#exports;
  }

  /** A call has thrown: whatever it was doing is half done, for every core of this instance. */
  fail(cause: unknown): CoreError {
    this.#exports = undefined;
    this.#cause = cause;
    if (shared === this) shared = undefined;
    return failed(cause);
  }

  call<T>(call: (exports: Exports) => T): T {
    const { exports } = this;
    try {
      return call(exports);
    } catch (cause) {
      throw this.fail(cause);
    }
  }

  /** Whoever holds a core may forget to free it. */
  keep(holder: object, core: number): void {
    this.#dropped.register(holder, core, holder);
  }

  free(holder: object, core: number): void {
    this.#dropped.unregister(holder);
    this.#exports?.core_free(core);
  }

  /** Writes values for the next call; how many bytes they took. */
  write(values: readonly Value[]): number {
    if (values.length === 0) return 0;
    const bytes = this.#room(values.reduce(addSize, 0));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let at = 0;
    const put = (value: Value): void => {
      if (typeof value === 'string') {
        const { written } = this.#encoder.encodeInto(value, bytes.subarray(at + 5));
        bytes[at] = Tag.Text;
        view.setUint32(at + 1, written, true);
        at += 5 + written;
      } else if (typeof value === 'object') {
        bytes[at] = Tag.List;
        view.setUint32(at + 1, value.length, true);
        at += 5;
        value.forEach(put);
      } else if (value === undefined) {
        bytes[at++] = Tag.Nothing;
      } else {
        bytes[at] = Tag.Number;
        view.setFloat64(at + 1, Number(value), true);
        at += 9;
      }
    };
    values.forEach(put);
    return at;
  }

  /** Writes one text without its tag; how many bytes it took. */
  writeText(text: string): number {
    return this.#encoder.encodeInto(text, this.#room(3 * text.length)).written;
  }

  /** Reads the answer of the last call. */
  read(length: number): unknown {
    const bytes = new Uint8Array(this.exports.memory.buffer, this.exports.core_answer(), length);
    return JSON.parse(this.#decoder.decode(bytes));
  }

  #room(length: number): Uint8Array<ArrayBuffer> {
    const start = this.call((exports) => exports.core_input(length));
    return new Uint8Array(this.exports.memory.buffer, start, length);
  }
}

/** The instance for a new core. */
export function currentInstance(): Instance {
  return (shared ??= new Instance());
}

let shared: Instance | undefined;

const failed = (cause: unknown): CoreError =>
  new CoreError('the core of this connection has failed; make a new connection', cause);

const enum Tag {
  Nothing,
  Number,
  Text,
  List,
}

/** The most that a value takes: 3 bytes for each UTF-16 unit. */
function addSize(sum: number, value: Value): number {
  if (typeof value === 'string') return sum + 5 + 3 * value.length;
  if (typeof value === 'object') return value.reduce(addSize, sum + 5);
  return sum + 9;
}
