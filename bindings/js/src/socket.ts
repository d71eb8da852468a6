// One managed socket: its states in the five words of its users, its messages, its errors, its end.
//
// Messages that come before the first listener of `onMessage` wait for it, and so do gaps that nobody has heard, in their place
// among them.

import type { CloseReason, Notice } from './core.js';
import type { Dialer } from './dialer.js';
import { Dispatch, type Taker } from './dispatch.js';
import { Driver, type Hearing } from './driver.js';
import { disposable, Listeners, report, type Emitter } from './emitter.js';
import { errorOf } from './endings.js';
import { SocketError, TicketError } from './errors.js';
import type { WebSocketState } from './events.js';
import type { Gap, RawEvent } from './frames.js';
import { troubleOf } from './news.js';
import { limitsOf, whole, type PauseOptions } from './options.js';

/** How one socket reconnects, sends and traces. */
export interface ManagedOptions extends PauseOptions {
  /** Writes a readable trace to the console, or to a function, a line at a time. It shows no token, ticket or payload. */
  debug?: boolean | ((line: string) => void) | undefined;
  /** How many messages may wait while there is no link. Default 1024. */
  maxQueuedMessages?: number | undefined;
  /** How many bytes may wait, here or in the platform's WebSocket. Default 1 MiB. */
  maxQueuedBytes?: number | undefined;
  /** Gives up opening: the promise rejects with the signal's reason, and the socket is closed. It means nothing later. */
  signal?: AbortSignal | undefined;
}

/** A frame that arrived from the server, as the platform's WebSocket gave it. */
export interface SocketMessage {
  /** `message`. */
  readonly type: string;
  /** The frame's text. */
  readonly data: string;
}

/** A socket that keeps itself up. Opened by {@link Sockets}. */
export class ManagedSocket {
  /** `destroy()`, where the platform knows the symbol. */
  declare readonly [Symbol.dispose]: () => void;
  /** `destroy()` and `closed()`, where the platform knows the symbol. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** The name that it was opened with; for a chat or a transcript, its path. */
  readonly label: string;
  /** A frame arrived from the server. What steers the connection is not shown. */
  readonly onMessage: Emitter<SocketMessage>;
  /** The state changed. The last one is `closed`. */
  readonly onStateChange: Emitter<WebSocketState>;
  /** A reconnect attempt started: its number, from 1. */
  readonly onReconnecting: Emitter<number>;
  /** Something went wrong: the link was lost, an attempt failed, the server refused. */
  readonly onError: Emitter<SocketError>;
  /** Events of a topic that cannot be had any more, told in their place among the messages. */
  readonly onGap: Emitter<Gap>;

  readonly #messages: Listeners<SocketMessage>;
  readonly #states = new Listeners<WebSocketState>();
  readonly #attempts = new Listeners<number>();
  readonly #errors = new Listeners<SocketError>();
  readonly #gaps = new Listeners<Gap>();

  readonly #driver: Driver;
  /** As it was told last. */
  #state: WebSocketState = 'connecting';
  #isCloseAsked = false;
  #lastError: SocketError | undefined;
  /** What waits for the first listener; `undefined` once there was one. */
  #early: (() => void)[] | undefined = [];
  /** Why the last ticket could not be bought. */
  #ticketError: TicketError | undefined;
  readonly #begun: Promise<void>;
  #begin!: () => void;
  #fail!: (error: unknown) => void;
  readonly #ended: () => void;
  readonly #trace: ((what: string) => void) | undefined;

  /** @internal */
  constructor(dialer: Dialer, label: string | undefined, options: ManagedOptions, ended: () => void) {
    this.label = label ?? dialer.path_;
    const dispatch = new Dispatch();
    const early: Taker<undefined> = { take_: () => this.#tellEarly() };
    this.#messages = new Listeners(() => this.#early?.length && queueMicrotask(() => dispatch.do_(early, undefined)));
    this.onMessage = this.#messages;
    this.onStateChange = this.#states;
    this.onReconnecting = this.#attempts;
    this.onError = this.#errors;
    this.onGap = this.#gaps;
    this.#ended = ended;
    this.#begun = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#fail = reject;
    });
    this.#trace = traceOf(options.debug, this.label);

    const hearing: Hearing = {
      // The core hands on what was kept of an event unseen.
      keep_: (_, message) => message as RawEvent,
      deliver_: (message) => this.#message(message as unknown as SocketMessage),
      notice_: (notice) => this.#noticed(notice),
      dialling_: () => this.#begin(),
      dialFailed_: (error) => {
        if (error instanceof TicketError) this.#ticketError = error;
      },
      trace_: this.#trace,
    };
    this.#driver = new Driver(dialer, dispatch, hearing, {
      ...limitsOf(options, 10),
      outboxMessages: whole(options, 'maxQueuedMessages', 1024),
      outboxBytes: whole(options, 'maxQueuedBytes', 1 << 20),
    });
    disposable(this, () => this.destroy(), () => (this.destroy(), this.closed()));
  }

  /** Where the socket stands. Inside a handler the state that is being told, unless `close()` was called since. */
  get state(): WebSocketState {
    return this.#isCloseAsked && this.#state !== 'closed' ? 'closing' : this.#state;
  }

  /** The server has accepted the socket and the link is up, as far as is known. */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** What went wrong last. On a socket that closed by itself: why. */
  get lastError(): SocketError | undefined {
    return this.#lastError;
  }

  /**
   * Sends a text frame. While there is no link it waits, in order, within bounds.
   *
   * @throws {CommandError} `OUTBOX_FULL`, `CLOSED`.
   */
  send(text: string): void {
    this.#driver.send_(text);
  }

  /** Closes for good: with a close frame, at the latest after 5 s, and without further reconnects. */
  close(): void {
    if (this.#isCloseAsked) return;
    this.#isCloseAsked = true;
    this.#driver.close_();
  }

  /** `close()`, and every listener is gone at once. Also what `using` calls. */
  destroy(): void {
    this.#end();
    this.close();
  }

  /** Resolves when the socket is closed, by whomever, and nothing is left of it. */
  closed(): Promise<void> {
    return this.#driver.gone_;
  }

  /** Tells that the network is back, where the platform has no event for it: an attempt that waits starts at once. */
  networkReturned(): void {
    this.#driver.networkReturned_();
  }

  /** Starts; resolves when the first dial has begun. @internal */
  async begin_(signal: AbortSignal | undefined): Promise<void> {
    this.#trace?.('state: connecting');
    this.#driver.connect_();
    const aborted = () => {
      this.#fail(signal!.reason);
      this.close();
    };
    signal?.addEventListener('abort', aborted);
    try {
      await this.#begun;
    } finally {
      signal?.removeEventListener('abort', aborted);
    }
  }

  #message(message: SocketMessage): void {
    if (this.#early && this.#messages.listenerCount === 0) this.#wait(() => this.#messages.emit_(message));
    else {
      this.#tellEarly();
      this.#messages.emit_(message);
    }
  }

  #gap(gap: Gap): void {
    this.#trace?.(`gap: ${gap.topic} after ${gap.after} before ${gap.before}`);
    if (this.#early && this.#gaps.listenerCount === 0) this.#wait(() => this.#gaps.emit_(gap));
    else this.#gaps.emit_(gap);
  }

  /** Beyond the bound the oldest go, as any message without a listener does. */
  #wait(tell: () => void): void {
    this.#early!.push(tell);
    if (this.#early!.length > EARLY) this.#early!.shift();
  }

  #tellEarly(): void {
    const early = this.#early;
    this.#early = undefined;
    early?.forEach((tell) => this.#isCloseAsked || tell());
  }

  #noticed(notice: Notice): void {
    switch (notice.kind) {
      case 'state':
        switch (notice.state) {
          case 'connected':
            return this.#enter('open');
          case 'reconnecting':
            return this.#enter('reconnecting');
          case 'closing':
            return this.#enter('closing');
          case 'closed':
            return this.#over(notice.reason);
        }
        return;
      case 'attemptStarted':
        this.#trace?.(`reconnect attempt ${notice.attempt}`);
        return this.#attempts.emit_(notice.attempt);
      case 'gap':
        return this.#gap(notice.gap);
      case 'reconnecting':
        // At once: a fresh token is asked for, and the first attempt is not over yet.
        if (notice.delayMs > 0) this.#begin();
        this.#enter('reconnecting');
    }
    if (notice.kind === 'handoverStarted') this.#trace?.('handover started');
    const trouble = troubleOf(notice);
    if (trouble) this.#error(trouble);
  }

  #over(reason: CloseReason): void {
    const error = errorOf(reason);
    const byTicket = this.#ticketError && (reason.kind === 'unauthorized' || reason.kind === 'unreachable');
    this.#fail(
      byTicket ? this.#ticketError : reason.kind === 'noCredential' ? new TicketError('NO_TOKEN', error.message) : error,
    );
    this.#begun.catch(() => {});
    if (reason.kind === 'asked') this.#enter('closing');
    else this.#error(new SocketError('ENDED', `the socket is closed: ${error.message}`, { cause: error }));
    this.#ended();
    this.#enter('closed');
    this.#end();
  }

  #end(): void {
    for (const listeners of [this.#messages, this.#states, this.#attempts, this.#errors, this.#gaps]) listeners.end_();
    this.#early = undefined;
  }

  #enter(state: WebSocketState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#trace?.(`state: ${state}`);
    this.#states.emit_(state);
  }

  #error(error: SocketError): void {
    this.#trace?.(`error: ${error.message}`);
    this.#lastError = error;
    this.#errors.emit_(error);
  }
}

/** How many messages and gaps wait for the first listener. */
const EARLY = 1024;

/** A line: the socket's label, seconds since it was opened, what happened. */
function traceOf(debug: ManagedOptions['debug'], label: string): ((what: string) => void) | undefined {
  if (!debug) return undefined;
  const write = typeof debug === 'function' ? debug : (line: string) => console.debug(line);
  const origin = performance.now();
  return (what) => {
    try {
      write(`[bowline ${label} +${((performance.now() - origin) / 1000).toFixed(3)}s] ${what}`);
    } catch (error) {
      report(error);
    }
  };
}
