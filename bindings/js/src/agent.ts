// The agent's event socket: the life of its runs, and who is told what.
//
// A run is one connection, from `connect()` to its end. While there is none, nothing is left of it: no socket, no timer. What
// outlives it is kept here: handlers, wanted topics, and the position to go on from.

import { CommandError, type Notice, type SavedPosition } from './core.js';
import { Dialer, type DialOptions } from './dialer.js';
import { Dispatch, type Taker } from './dispatch.js';
import { Driver, type Limits } from './driver.js';
import { disposable, Listeners, report, type Handler, type ListenOptions, type Stream, type StreamOptions } from './emitter.js';
import { closed, errorOf } from './endings.js';
import { ConnectionRejectedError, SocketError, type ConnectError } from './errors.js';
import type { ActivityStatus, AgentState, EventMap, OtherEvent, SubscribeAck, UnsubscribeAck } from './events.js';
import type { Gap, RawEvent } from './frames.js';
import { troubleOf } from './news.js';
import { limitsOf, positionOf, type PauseOptions } from './options.js';

export interface AgentSocketOptions extends DialOptions, PauseOptions {
  /** The server: `wss://…`. The token is added to it as `?token=`. */
  url: string | URL;
  /**
   * A `position` to go on from, also of another process; `{ seq: 0 }` for the oldest event that the gateway still has. It proves a
   * session: keep it like a token.
   */
  resumeFrom?: SavedPosition | undefined;
}

/** An event of any type. */
export type AgentEvent = EventMap[keyof EventMap] | OtherEvent;

export interface ConnectOptions {
  /** Gives up: the call rejects with the signal's reason, and the attempt ends unless another call waits for it. */
  signal?: AbortSignal | undefined;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** A persistent connection of one account for realtime events. See the package's README. */
export class AgentSocket {
  /** `dispose()`, where the platform knows the symbol. */
  declare readonly [Symbol.dispose]: () => void;
  /** `dispose()` and `closed()`, where the platform knows the symbol. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  readonly #dialer: Dialer;
  readonly #limits: Limits;
  readonly #dispatch = new Dispatch();
  readonly #news: Taker<() => void> = { take_: (tell) => tell() };

  // Who listens.
  readonly #any = new Listeners<AgentEvent>();
  readonly #events = new Map<string, Listeners<any>>([['*', this.#any]]);
  #lastType: string | undefined;
  #ofLast: Listeners<any> | undefined;
  readonly #states = new Listeners<AgentState>();
  readonly #gaps = new Listeners<Gap>();
  readonly #errors = new Listeners<SocketError>();
  #onSubscribeAck: ((ack: SubscribeAck) => void) | undefined;
  #onUnsubscribeAck: ((ack: UnsubscribeAck) => void) | undefined;
  #onConnectionRejected: ((reason: string, error: ConnectionRejectedError) => void) | undefined;

  // The life.
  #state: AgentState = 'disconnected';
  #run: Driver | undefined;
  /** The run has been accepted: somebody relies on it. */
  #wasConnected = false;
  /** The run to be: made when something is wished for it. */
  #next: Driver | undefined;
  #waiters = new Set<Waiter>();
  #topics = new Set<string>();
  #position: SavedPosition | undefined;
  /** Runs that say goodbye. */
  readonly #leaving = new Set<Promise<void>>();

  /** Does nothing yet: `connect()` does. @throws {BowlineError} `INVALID_URL`, `INVALID_OPTION`. */
  constructor(options: AgentSocketOptions) {
    this.#dialer = new Dialer(options.url, options);
    this.#limits = { ...limitsOf(options, 0), renewExactly: true };
    this.#position = positionOf(options);
    disposable(this, () => this.dispose(), () => (this.dispose(), this.closed()));
  }

  // Connecting.

  /**
   * Connects; resolves when the server has said `connection.accepted`, and by nothing else. Retries go on meanwhile. May be
   * called at any moment: while an attempt is under way it waits for the same one, between attempts it starts the next one.
   *
   * @throws {ConnectError} when no further attempt is made: {@link ConnectionRejectedError} with the server's reason, or `CLOSED`
   * by a `disconnect()` meanwhile.
   */
  connect(options: ConnectOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      const run = this.#run;
      if (run && this.#state === 'connected') return resolve();
      const settled = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', aborted);
      };
      const waiter: Waiter = { resolve: () => (settled(), resolve()), reject: (error) => (settled(), reject(error)) };
      const aborted = () => {
        waiter.reject(signal!.reason);
        if (this.#waiters.size === 0 && !this.#wasConnected) this.disconnect();
      };
      const next = run ?? this.#ready();
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted);
      if (!run) {
        this.#run = next;
        this.#next = undefined;
        this.#wasConnected = false;
        this.#enter('connecting');
      }
      next.connect_();
      this.#dispatch.run_();
    });
  }

  /**
   * Disconnects, and stays so until `connect()`. Takes effect at once, whatever was under way. Handlers, topics and the position
   * stay; activities end.
   */
  disconnect(): void {
    const run = this.#run;
    if (!run) return;
    this.#end(run);
    for (const waiter of this.#waiters) waiter.reject(closed());
    run.close_();
    this.#dispatch.run_();
  }

  /** Resolves when nothing is left of what was disconnected: at once, or after the closing handshake (5 s at most). */
  async closed(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** `disconnect()`, and every handler and iterator is gone. Also what `using` calls. It may be used again. */
  dispose(): void {
    this.disconnect();
    this.#next?.discard_();
    this.#next = undefined;
    for (const listeners of [...this.#events.values(), this.#states, this.#gaps, this.#errors]) listeners.clear_();
    this.#onSubscribeAck = this.#onUnsubscribeAck = this.#onConnectionRejected = undefined;
  }

  getState(): AgentState {
    return this.#state;
  }

  /** Tells that the network is back, where the platform has no event for it: a retry that waits starts at once. */
  networkReturned(): void {
    this.#run?.networkReturned_();
  }

  /** Where a reader stands who has been handed everything so far, for `resumeFrom`. `undefined` on plain servers. */
  get position(): SavedPosition | undefined {
    const position = this.#run?.position_ ?? this.#position;
    return position?.seq === undefined ? undefined : position;
  }

  // Listening.

  /**
   * Calls `handler` with every event of a type; `'*'` means every type. A handler is there once for a type, however often it is
   * added. Returns what `off` does.
   */
  on<K extends keyof EventMap>(type: K, handler: Handler<EventMap[K]>, options?: ListenOptions): () => void;
  on(type: '*', handler: Handler<AgentEvent>, options?: ListenOptions): () => void;
  on(type: string, handler: Handler<OtherEvent>, options?: ListenOptions): () => void;
  on(type: string, handler: Handler<any>, options?: ListenOptions): () => void {
    return this.#of(type).on_(handler, options);
  }

  off<K extends keyof EventMap>(type: K, handler: Handler<EventMap[K]>): void;
  off(type: '*', handler: Handler<AgentEvent>): void;
  off(type: string, handler: Handler<OtherEvent>): void;
  off(type: string, handler: Handler<any>): void {
    this.#events.get(type)?.off_(handler);
  }

  /** The events of a type, or of all types, from the next one on. Goes on over `disconnect()` and `connect()`. */
  events(options?: StreamOptions): Stream<AgentEvent>;
  events<K extends keyof EventMap>(type: K, options?: StreamOptions): Stream<EventMap[K]>;
  events(type: string, options?: StreamOptions): Stream<AgentEvent>;
  events(type?: string | StreamOptions, options?: StreamOptions): Stream<any> {
    return typeof type === 'string' ? this.#of(type).stream(options) : this.#of('*').stream(type);
  }

  [Symbol.asyncIterator](): Stream<AgentEvent> {
    return this.events();
  }

  /** Calls `handler` with each new state. A handover changes none. */
  onStateChange(handler: Handler<AgentState>, options?: ListenOptions): () => void {
    return this.#states.on_(handler, options);
  }

  offStateChange(handler: Handler<AgentState>): void {
    this.#states.off_(handler);
  }

  /** Calls `handler` when events of a topic cannot be had any more, with the range, between the events around it. */
  onGap(handler: Handler<Gap>, options?: ListenOptions): () => void {
    return this.#gaps.on_(handler, options);
  }

  /** Calls `handler` with what went wrong. Only `ENDED` means that the socket has stopped trying. */
  onError(handler: Handler<SocketError>, options?: ListenOptions): () => void {
    return this.#errors.on_(handler, options);
  }

  /** One handler for the answers to `subscribe`; another one takes its place, `undefined` removes it. */
  setOnSubscribeAck(handler: ((ack: SubscribeAck) => void) | undefined | null): void {
    this.#onSubscribeAck = handler ?? undefined;
  }

  /** One handler for the answers to `unsubscribe`. */
  setOnUnsubscribeAck(handler: ((ack: UnsubscribeAck) => void) | undefined | null): void {
    this.#onUnsubscribeAck = handler ?? undefined;
  }

  /** One handler for a refusal for good, with the server's reason. The socket does not try again; `connect()` does. */
  setOnConnectionRejected(handler: ((reason: string, error: ConnectionRejectedError) => void) | undefined | null): void {
    this.#onConnectionRejected = handler ?? undefined;
  }

  // Speaking.

  /**
   * Wants these topics beyond the account's own, on this connection and every one to come. May be called at any moment.
   *
   * @throws {CommandError} `INVALID_TOPIC`, `TOO_MANY_SUBSCRIPTIONS`, `OUTBOX_FULL`; nothing has changed then.
   */
  subscribe(topics: string[]): void {
    topics = [...topics];
    (this.#run ?? this.#ready()).subscribe_(topics);
    for (const topic of topics) this.#topics.add(topic);
  }

  /** Wants these topics no more. */
  unsubscribe(topics: string[]): void {
    topics = [...topics];
    (this.#run ?? this.#ready()).unsubscribe_(topics);
    for (const topic of topics) this.#topics.delete(topic);
  }

  /**
   * Tells a conversation what this account is doing. The same status within 3 s is not sent again; an active one is renewed every
   * 5 s until `'idle'`. While the connection is lost the latest one waits.
   *
   * @throws {CommandError} `CLOSED` for an active status before `connect()` and after `disconnect()`; `TOO_MANY_ACTIVITIES`,
   * `OUTBOX_FULL`.
   */
  sendActivity(conversationId: string, status: ActivityStatus): void {
    if (this.#run) this.#run.sendActivity_(conversationId, status);
    // There is nothing to end.
    else if (status !== 'idle') throw new CommandError('CLOSED', 'the socket is disconnected: an activity needs connect()');
  }

  // What follows.

  #of(type: string): Listeners<any> {
    let listeners = this.#events.get(type);
    if (!listeners) this.#events.set(type, (listeners = new Listeners()));
    this.#lastType = undefined;
    return listeners;
  }

  /** A run that has not begun, with everything that is wanted of it. */
  #ready(): Driver {
    if (this.#next) return this.#next;
    const run: Driver = new Driver(
      this.#dialer,
      this.#dispatch,
      {
        deliver_: (event) => this.#deliver(event),
        notice_: (notice) => run === this.#run && this.#noticed(run, notice),
      },
      this.#position ? { ...this.#limits, resumeFrom: this.#position } : this.#limits,
    );
    if (this.#topics.size > 0) run.subscribe_([...this.#topics]);
    return (this.#next = run);
  }

  /** The run is no more, as far as anybody hears. */
  #end(run: Driver): void {
    this.#position = this.position;
    this.#run = undefined;
    this.#leaving.add(run.gone_);
    run.gone_.then(() => this.#leaving.delete(run.gone_));
    this.#enter('disconnected');
  }

  #enter(state: AgentState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell(() => this.#states.emit_(state));
  }

  #tell(news: () => void): void {
    this.#dispatch.add_(this.#news, news);
  }

  #deliver(raw: RawEvent): void {
    // The same type comes again and again, and comparing it is cheaper than looking it up.
    if (raw.type !== this.#lastType) {
      this.#lastType = raw.type;
      // Those of `*` are told below.
      this.#ofLast = raw.type === '*' ? undefined : this.#events.get(raw.type);
    }
    const ofType = this.#ofLast;
    if (!ofType?.listenerCount && !this.#any.listenerCount) return;
    const event = flat(raw);
    ofType?.emit_(event);
    this.#any.emit_(event);
  }

  #noticed(run: Driver, notice: Notice): void {
    switch (notice.kind) {
      case 'state':
        if (notice.state === 'connected') {
          this.#wasConnected = true;
          this.#enter('connected');
          for (const waiter of this.#waiters) waiter.resolve();
        } else if (notice.state === 'reconnecting') this.#enter('disconnected');
        else if (notice.state === 'closed') this.#over(run, errorOf(notice.reason));
        return;
      case 'attemptStarted':
        return this.#enter('connecting');
      case 'gap':
        return this.#gaps.emit_(notice.gap);
      case 'subscribeAck':
        for (const { topic, code } of notice.errors) {
          if (code === 'FORBIDDEN' || code === 'INVALID_TOPIC') this.#topics.delete(topic);
        }
        return call(this.#onSubscribeAck, { topics: notice.subscribed, errors: notice.errors });
      case 'unsubscribeAck':
        return call(this.#onUnsubscribeAck, { topics: notice.unsubscribed });
    }
    const trouble = troubleOf(notice);
    if (!trouble) return;
    if (trouble.code === 'INTERRUPTED') this.#enter('disconnected');
    this.#tell(() => this.#errors.emit_(trouble));
  }

  /** The run is over by itself. It is gone before handlers hear of it, so that they may connect again. */
  #over(run: Driver, error: ConnectError): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    this.#end(run);
    this.#tell(() => error instanceof ConnectionRejectedError && call(this.#onConnectionRejected, error.reason, error));
    this.#tell(() => this.#errors.emit_(new SocketError('ENDED', `the socket is disconnected: ${error.message}`, { cause: error })));
    this.#tell(() => waiters.forEach((waiter) => waiter.reject(error)));
  }
}

/**
 * The event with its payload's members beside those of the envelope, which stay what they are. Written into what was parsed,
 * without a question for each member: what was written over is put back.
 */
function flat(event: RawEvent): OtherEvent {
  const { type, timestamp, topic, seq, prev, payload } = event;
  if (typeof payload === 'object' && !Array.isArray(payload)) {
    for (const name in payload) event[name] = (payload as Record<string, unknown>)[name];
    event.type = type;
    event.payload = payload;
    if (event.timestamp !== timestamp || event.topic !== topic || event.seq !== seq || event.prev !== prev) {
      for (const [name, value] of Object.entries({ timestamp, topic, seq, prev })) {
        if (value === undefined) delete event[name];
        else event[name] = value;
      }
    }
    if (Object.getPrototypeOf(event) !== Object.prototype) Object.setPrototypeOf(event, Object.prototype);
  }
  return event as OtherEvent;
}

function call<A extends unknown[]>(handler: ((...args: A) => void) | undefined, ...args: A): void {
  try {
    handler?.(...args);
  } catch (error) {
    report(error);
  }
}
