// The loop that connects the core to the world: feed facts, drain orders, arm one timer. It decides nothing about the protocol.
//
// One driver per connection. Facts and wishes feed the core at once; what it orders is carried out in order by the `Dispatch`,
// which also hands out events and news. When the core says that the connection is over, nothing of it is left.

import { CommandError, Core, type CoreOptions, type Notice, type Output, type SavedPosition } from './core.js';
import { failureOf, type Dialer, type WebSocketLike } from './dialer.js';
import type { Dispatch, Taker } from './dispatch.js';
import { report } from './emitter.js';
import { decode, encode, type RawEvent } from './frames.js';
import { pageEvents } from './page.js';
import { isTemporary, messageOf } from './tickets.js';

/** What a connection tells whoever holds it. */
export interface Hearing {
  deliver_(event: RawEvent): void;
  notice_(notice: Notice): void;
  /** What is kept of an event, instead of the event itself. */
  keep_?(event: RawEvent, message: unknown): RawEvent;
  /** A socket is being opened: nothing that is final went wrong. */
  dialling_?(): void;
  /** A ticket or a socket could not be had. */
  dialFailed_?(error: unknown): void;
  trace_?: ((what: string) => void) | undefined;
}

export type Limits = Omit<CoreOptions, 'seed'>;

interface Link {
  readonly id: number;
  readonly giveUp: AbortController;
  socket: WebSocketLike | undefined;
  isOpen: boolean;
}

export class Driver implements Taker<Output> {
  readonly #dialer: Dialer;
  readonly #dispatch: Dispatch;
  readonly #hearing: Hearing;
  readonly #links = new Map<number, Link>();
  /** Questions to the token provider, and answers that wait for their dial. */
  readonly #fetches = new Map<number, string | undefined>();
  /** Texts that wait until the core says where they go. */
  readonly #messages = new Map<number, string>();
  #messageBytes = 0;
  #nextMessage = 0;
  readonly #maxUnsent: number;

  /** `undefined` once the connection is over. */
  #core: Core | undefined;
  /** Somebody still wants to be told of events. */
  #isHeard = true;
  /** Where a reader stands who has been handed everything so far. */
  #handed: SavedPosition;
  #isConnected = false;

  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;
  #isLate = false;
  #earlyFor = 0;
  // The clocks; see `#now` and `#hasSlept`.
  #origin = performance.now();
  #seen = this.#origin;
  #floor = 0;
  #wall = Date.now();
  #steady = 0;

  #leavePage: (() => void) | undefined;
  /** Resolves when nothing of the connection is left. */
  readonly gone_: Promise<void>;
  #isGone!: () => void;

  constructor(dialer: Dialer, dispatch: Dispatch, hearing: Hearing, limits: Limits) {
    this.#dialer = dialer;
    this.#dispatch = dispatch;
    this.#hearing = hearing;
    this.#maxUnsent = limits.outboxBytes ?? 1 << 20;
    this.#handed = { ...limits.resumeFrom };
    this.#core = new Core({ ...limits, seed: Math.floor(Math.random() * 2 ** 53) }, 0);
    this.gone_ = new Promise((resolve) => (this.#isGone = resolve));
  }

  // Wishes.

  /** Connects; a retry that waits for its turn starts now. */
  connect_(): void {
    this.#leavePage ??= pageEvents((event) => this.#paged(event));
    this.#tell((core, now) => core.connect(now));
  }

  /** Closes for good. Events that have not been handed out are not any more. */
  close_(): void {
    this.#isHeard = false;
    this.#tell((core, now) => core.close(now));
  }

  subscribe_(topics: string[]): void {
    this.#wish((core, now) => core.subscribe(now, topics));
  }

  unsubscribe_(topics: string[]): void {
    this.#wish((core, now) => core.unsubscribe(now, topics));
  }

  sendActivity_(conversationId: string, status: string): void {
    this.#wish((core, now) => core.sendActivity(now, conversationId, status));
  }

  send_(text: string): void {
    if (typeof text !== 'string') throw new TypeError('send() takes a text: use JSON.stringify() for anything else');
    this.#wish((core, now) => {
      const message = this.#nextMessage++;
      this.#messages.set(message, text);
      this.#messageBytes += text.length;
      try {
        core.send(now, message, new TextEncoder().encode(text).length);
      } catch (error) {
        this.#takeMessage(message);
        throw error;
      }
    });
  }

  networkReturned_(): void {
    this.#tell((core, now) => core.networkReturned(now));
  }

  /** The newest session, with the position of what was handed out. */
  get position_(): SavedPosition {
    let { sessionId } = this.#handed;
    try {
      if (this.#core) ({ sessionId } = this.#core.position());
    } catch {
      // The core has failed, as its next call will say. What was handed out is known here.
    }
    return sessionId === undefined ? { ...this.#handed } : { ...this.#handed, sessionId };
  }

  /** Gives back what a connection that never connected holds. */
  discard_(): void {
    this.#finish();
  }

  // Feeding the core.

  #tell(say: (core: Core, now: number) => void): void {
    if (!this.#core) return;
    try {
      say(this.#core, this.#now());
    } catch (error) {
      if (error instanceof CommandError) throw error;
      this.#failed(error);
    }
    this.#drain();
  }

  /** The core itself has failed, which is a fault of ours: nothing of it can be trusted any more. */
  #failed(error: unknown): void {
    report(error);
    this.#core = undefined;
    const reason = { kind: 'unreachable', message: messageOf(error) } as const;
    this.#dispatch.add_(this, { kind: 'notice', notice: { kind: 'state', state: 'closed', reason } });
  }

  /** As `#tell`, for what the core or a slow socket may refuse. */
  #wish(say: (core: Core, now: number) => void): void {
    if (!this.#core) throw new CommandError('CLOSED', 'the connection is closed');
    let waiting = this.#messageBytes;
    for (const { socket } of this.#links.values()) waiting += (socket as { bufferedAmount?: number } | undefined)?.bufferedAmount ?? 0;
    if (waiting > this.#maxUnsent) {
      throw new CommandError('OUTBOX_FULL', `${waiting} bytes wait to be sent: the server takes them more slowly, try again later`);
    }
    this.#tell(say);
  }

  #drain(): void {
    const first = this.#core?.poll();
    let output = first && this.#core!.poll();
    // One alone as a rule.
    if (first && !output) this.#dispatch.do_(this, first);
    else {
      if (first) this.#dispatch.add_(this, first);
      for (; output; output = this.#core!.poll()) this.#dispatch.add_(this, output);
      this.#dispatch.run_();
    }
    this.#arm();
  }

  // Carrying out what it orders.

  take_(output: Output): void {
    switch (output.kind) {
      case 'deliver':
        if (!this.#isHeard) return;
        if (output.cursor !== undefined) this.#handed.seq = output.cursor;
        this.#hearing.deliver_(output.event);
        return;
      case 'notice':
        return this.#noticed(output.notice);
      case 'fetch':
        return this.#ask(output.fetch);
      case 'forget':
        this.#fetches.delete(output.fetch);
        return;
      case 'dial':
        return this.#dial(output.link, output.fetch, output.resume);
      case 'send':
        return this.#write(output.link, encode(output.frame));
      case 'sendMessage':
        return this.#write(output.link, this.#takeMessage(output.message));
      case 'dropMessage':
        this.#takeMessage(output.message);
        return;
      case 'close':
        return this.#close(output.link, output.code);
      case 'abort':
        return this.#abort(output.link);
    }
  }

  #noticed(notice: Notice): void {
    if (notice.kind === 'moved') {
      if (this.#isHeard) this.#handed = { ...notice.cursor };
      return;
    }
    if (notice.kind === 'state') this.#isConnected = notice.state === 'connected';
    const isOver = notice.kind === 'state' && notice.state === 'closed';
    if (isOver) this.#finish();
    if (this.#isHeard || notice.kind === 'state') this.#hearing.notice_(notice);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#handed = this.position_;
    this.#core?.free();
    this.#core = undefined;
    this.#leavePage?.();
    for (const id of [...this.#links.keys()]) this.#abort(id);
    this.#messages.clear();
    this.#isGone();
  }

  // Credentials.

  #ask(fetch: number): void {
    this.#fetches.set(fetch, undefined);
    const isAwaited = () => this.#fetches.has(fetch);
    const answer = this.#dialer.ask_();
    if (!answer) return this.#tell((core, now) => core.credentialReady(now, fetch));
    answer.then(
      (token) => {
        if (!isAwaited()) return;
        this.#fetches.set(fetch, token);
        this.#tell((core, now) => core.credentialReady(now, fetch));
      },
      (error) => {
        if (!isAwaited()) return;
        this.#fetches.delete(fetch);
        const { refused, retryAfterMs } = Object(error) as { refused?: unknown; retryAfterMs?: unknown };
        const failure = { refused: refused === true, message: messageOf(error) };
        this.#tell((core, now) =>
          core.credentialFailed(now, fetch, typeof retryAfterMs === 'number' ? { ...failure, retryAfterMs } : failure),
        );
      },
    );
  }

  // Sockets.

  #dial(id: number, fetch: number, resume: boolean): void {
    const token = this.#fetches.get(fetch);
    this.#fetches.delete(fetch);
    const link: Link = { id, giveUp: new AbortController(), socket: undefined, isOpen: false };
    this.#links.set(id, link);
    try {
      const url = this.#dialer.url_(token, resume, link.giveUp.signal);
      if (typeof url === 'string') this.#open(link, url);
      else {
        url.then((url) => this.#links.has(id) && this.#open(link, url)).catch((error) => this.#dialFailed(link, error));
      }
    } catch (error) {
      this.#dialFailed(link, error);
    }
  }

  #open(link: Link, url: string): void {
    this.#hearing.trace_?.(`dialling ${this.#dialer.shown_}`);
    const { id } = link;
    const socket = (link.socket = this.#dialer.open_(url));
    // The factory may have done anything meanwhile, such as closing the connection.
    if (!this.#links.has(id)) return this.#drop(link);
    this.#hearing.dialling_?.();
    socket.onopen = () => {
      link.isOpen = true;
      this.#tell((core, now) => core.opened(now, id));
    };
    socket.onmessage = (message) => this.#received(id, message);
    const unreachable = (why?: string) => this.#dialFailed(link, new Error(why || 'the server cannot be reached'));
    // On an open socket its close follows, with a code that may say more.
    socket.onerror = (event) => link.isOpen || unreachable(event?.message);
    socket.onclose = (event) => {
      const code: number = event?.code ?? 1006;
      this.#hearing.trace_?.(`<- close ${code}`);
      if (!link.isOpen) return unreachable();
      this.#forget(link);
      this.#tell((core, now) => core.closed(now, id, code));
    };
  }

  #dialFailed(link: Link, error: unknown): void {
    if (!this.#links.has(link.id)) return;
    this.#abort(link.id);
    // Sockets of Node tell the status of a refused upgrade, and nothing else does.
    const status = Number(/Unexpected server response: (\d{3})/.exec(messageOf(error))?.[1]);
    const failure = status ? ofStatus(status) : failureOf(error);
    this.#hearing.dialFailed_?.(error);
    this.#hearing.trace_?.(`the dial failed: ${failure.message}`);
    this.#tell((core, now) => core.dialFailed(now, link.id, failure));
  }

  #received(id: number, message: any): void {
    this.#tell((core, now) => {
      const text: unknown = message?.data;
      if (typeof text !== 'string') return core.badFrame(now, id, 'a message that is no text');
      const frame = decode(text, core.wantsDigest());
      const { keep_, trace_ } = this.#hearing;
      trace_?.(`<- ${shown(frame, text)}`);
      if (frame.kind === 'bad') return core.badFrame(now, id, frame.why);
      if (keep_ && frame.kind === 'event') frame.event = keep_(frame.event, message);
      core.frame(now, id, frame);
    });
  }

  #write(id: number, text: string | undefined): void {
    const link = this.#links.get(id);
    if (!link?.isOpen || text === undefined) return;
    this.#hearing.trace_?.(`-> ${sent(text)}`);
    try {
      link.socket!.send(text);
    } catch {
      // It has just broken, and its close follows.
    }
  }

  #close(id: number, code: number): void {
    const link = this.#links.get(id);
    if (!link) return;
    if (!link.isOpen) {
      // A dial that is still under way is given up.
      this.#abort(id);
      return this.#tell((core, now) => core.closed(now, id, 1006));
    }
    this.#hearing.trace_?.(`-> close ${code}`);
    shut(link.socket!, code);
  }

  #abort(id: number): void {
    const link = this.#links.get(id);
    if (link) this.#drop(link);
  }

  #drop(link: Link): void {
    this.#forget(link);
    link.giveUp.abort();
    const { socket } = link as { socket?: WebSocketLike & { terminate?(): void } };
    // Sockets of Node wait half a minute for an answer to their close.
    if (socket?.terminate) socket.terminate();
    else if (socket) shut(socket, 1000);
  }

  /** Nothing of the link is listened to any more. */
  #forget(link: Link): void {
    this.#links.delete(link.id);
    const { socket } = link;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Sockets of Node throw errors that nobody listens to.
    socket.onerror = ignore;
  }

  #takeMessage(message: number): string | undefined {
    const text = this.#messages.get(message);
    this.#messages.delete(message);
    this.#messageBytes -= text?.length ?? 0;
    return text;
  }

  // Time.

  /** Milliseconds since the connection was made. Never goes back, whatever becomes of the clock, as when a test replaces it. */
  #now(): number {
    const seen = performance.now();
    if (seen < this.#seen) this.#origin += seen - this.#seen;
    this.#seen = seen;
    return Math.max(seen - this.#origin, this.#floor);
  }

  #arm(): void {
    let deadline: number | undefined;
    try {
      deadline = this.#core?.deadline();
    } catch (error) {
      // A handler has made another connection's call fail, and the core with it.
      this.#failed(error);
      this.#dispatch.run_();
    }
    if (deadline === undefined) {
      clearTimeout(this.#timer);
      this.#armedFor = Infinity;
      return;
    }
    // A timer that is due before is kept: most facts only put the deadline off.
    if (deadline >= this.#armedFor) return;
    const now = this.#now();
    this.#setTimer(Math.min(deadline, now + LOOK_MS), now);
  }

  #setTimer(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#armedFor = at;
    this.#timer = setTimeout(() => this.#fired(), Math.max(0, Math.ceil(at - now)));
  }

  #fired(): void {
    const due = this.#armedFor;
    const lateness = this.#now() - due;
    // What a held-up or sleeping program has already received comes first: it is older than the deadline that was missed.
    this.#isLate = lateness > LATE_MS && !this.#isLate;
    if (this.#isLate) return this.#setTimer(due, Infinity);
    // A timer proves that its time has come, whatever the clock says, as one that a test has stopped. A little too early is how
    // exact timers are, once.
    if (lateness < -TIMER_MS || (lateness < 0 && due === this.#earlyFor)) this.#floor = due;
    this.#earlyFor = due;
    this.#armedFor = Infinity;
    const slept = this.#hasSlept();
    this.#tell((core, now) => {
      if (slept) core.networkReturned(now);
      core.timeout(now);
    });
  }

  /**
   * Whether the machine has been asleep. The clock that deadlines are counted in may stand still then, the wall clock does not:
   * a step of it that is much longer is a sleep.
   */
  #hasSlept(): boolean {
    const [wall, steady] = [Date.now(), this.#now()];
    const slept = wall - this.#wall > steady - this.#steady + SLEEP_MS;
    this.#wall = wall;
    this.#steady = steady;
    return slept;
  }

  #paged(event: string): void {
    this.#tell((core, now) => {
      // A frozen page hears nothing: its silence proves nothing.
      if (event === 'freeze') return core.readPaused(now);
      if (event === 'offline') {
        // A link that is gone is noticed by the answer that does not come; an attempt would be wasted.
        if (this.#isConnected) core.networkReturned(now);
        return;
      }
      core.readResumed(now);
      core.networkReturned(now);
    });
  }
}

/** A machine that wakes up is noticed after this at the latest. */
const LOOK_MS = 5_000;
/** A shorter sleep is left to the heartbeat. */
const SLEEP_MS = 30_000;
/** So late is a timer only when something held up the program. */
const LATE_MS = 500;
/** How much too early a timer may fire. */
const TIMER_MS = 2;

const ignore = () => {};

function shut(socket: WebSocketLike, code: number): void {
  try {
    socket.close(code);
  } catch {
    // It is not open yet, or not any more.
  }
}

function ofStatus(status: number) {
  const message = `the upgrade was answered ${status}`;
  if (status === 401) return { how: 'unauthorized' as const, message };
  return { how: isTemporary(status) ? ('temporary' as const) : ('refused' as const), message };
}

/** A frame for people: what it is, never what it holds. */
function shown(frame: ReturnType<typeof decode>, text: string): string {
  const size = `(${text.length} characters)`;
  if (frame.kind === 'event') {
    const { type, topic = '', seq } = frame.event;
    return `${JSON.stringify(type).slice(1, -1).slice(0, 80)} ${topic}${seq === undefined ? '' : ` seq ${seq}`} ${size}`;
  }
  return `${frame.kind} ${'reason' in frame ? `${frame.reason} ` : ''}${size}`;
}

function sent(text: string): string {
  return `${/^\{"action":"(\w+)"/.exec(text)?.[1] ?? 'a message'} (${text.length} characters)`;
}
