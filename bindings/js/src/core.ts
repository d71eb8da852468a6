// The typed face of the compiled core: facts and wishes in, orders out. It decides nothing. The numbers of the calls are those
// of `core/src/facts.rs`, the order of their values is that of `core/src/config.rs` and `core/src/frames.rs`.

import { BowlineError } from './errors.js';
import type { ClientFrame, EventFrame, Gap, RawEvent, ServerFrame, TopicRefusal } from './frames.js';
import { CoreError, currentInstance, type Instance, type Value } from './instance.js';

export { CoreError } from './instance.js';

/** How a connection behaves. Milliseconds; what is not given has the core's default. */
export interface CoreOptions {
  /** Of the connection's chance: a whole number below 2^53. */
  seed: number;
  backoffBaseMs?: number | undefined;
  backoffCapMs?: number | undefined;
  jitter?: boolean | undefined;
  /** 0: for ever. */
  maxAttempts?: number | undefined;
  /** 0: never. */
  renewAfterMs?: number | undefined;
  renewExactly?: boolean | undefined;
  credentialDeadlineMs?: number | undefined;
  dialDeadlineMs?: number | undefined;
  acceptDeadlineMs?: number | undefined;
  pongDeadlineMs?: number | undefined;
  closeDeadlineMs?: number | undefined;
  stableAfterMs?: number | undefined;
  keepaliveMs?: number | undefined;
  outboxMessages?: number | undefined;
  outboxBytes?: number | undefined;
  maxSubscriptions?: number | undefined;
  maxActivities?: number | undefined;
  resumeFrom?: SavedPosition | undefined;
}

/** A point to go on from. */
export interface SavedPosition {
  sessionId?: string;
  epoch?: string;
  seq?: number;
}

/** A position and the log it is a position of. */
export interface Cursor {
  epoch: string;
  seq: number;
}

/** How a token provider failed. */
export interface CredentialFailure {
  /** It will not succeed by repetition. */
  refused: boolean;
  retryAfterMs?: number | undefined;
  message: string;
}

/** How a dial failed. */
export interface DialFailure {
  how: 'temporary' | 'unauthorized' | 'refused';
  retryAfterMs?: number | undefined;
  message: string;
}

export interface Rejected {
  reason: string;
  message: string;
  retryAfterMs?: number;
}

/** Why a connection is over. */
export type CloseReason =
  | { kind: 'asked' }
  | { kind: 'rejected'; rejected: Rejected }
  | { kind: 'refused'; code: number }
  | { kind: 'unauthorized' }
  | { kind: 'noCredential'; message: string }
  | { kind: 'unreachable'; message: string }
  | { kind: 'attemptsExhausted'; attempts: number; last: string };

/** News for the application, as far as anybody makes something of them. */
export type Notice =
  | { kind: 'state'; state: 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closing' }
  | { kind: 'state'; state: 'closed'; reason: CloseReason }
  | { kind: 'moved'; cursor: Cursor }
  | { kind: 'gap'; gap: Gap }
  | { kind: 'skipped'; after: Cursor }
  | { kind: 'reconnecting'; attempt: number; delayMs: number; cause: string }
  | { kind: 'attemptStarted'; attempt: number }
  | { kind: 'handoverStarted' }
  | { kind: 'handoverFailed'; cause: string }
  | { kind: 'subscribeAck'; subscribed: string[]; errors: TopicRefusal[] }
  | { kind: 'unsubscribeAck'; unsubscribed: string[] }
  | { kind: 'gatewayError'; code: string; message: string }
  | { kind: 'trouble'; message: string };

/** An order to the driver. */
export type Output =
  | { kind: 'deliver'; event: RawEvent; cursor: number | undefined }
  | { kind: 'fetch'; fetch: number }
  | { kind: 'forget'; fetch: number }
  | { kind: 'dial'; link: number; fetch: number; resume: boolean }
  | { kind: 'send'; link: number; frame: ClientFrame }
  | { kind: 'sendMessage'; link: number; message: number }
  | { kind: 'dropMessage'; message: number }
  | { kind: 'close'; link: number; code: number }
  | { kind: 'abort'; link: number }
  | { kind: 'notice'; notice: Notice };

export type RefusalCode =
  | 'CLOSED'
  | 'OUTBOX_FULL'
  | 'TOO_MANY_SUBSCRIPTIONS'
  | 'TOO_MANY_ACTIVITIES'
  | 'INVALID_TOPIC';

/** A wish was refused. Nothing has changed. */
export class CommandError extends BowlineError {
  declare readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(code, message);
    this.name = 'CommandError';
  }
}

/** One connection's life. After every call that takes a fact, a wish or time: `poll` to `undefined`, then ask `deadline`. */
export class Core {
  #instance: Instance = currentInstance();
  /** Its number in the instance. */
  #core: number;
  /** Topics that have a number in the core. */
  #topics = new Map<string, number>();
  /** The next order; alone as a rule. */
  #next: Output | undefined;
  /** Those behind it, from `#at` on. */
  #more: Output[] = [];
  #at = 0;
  /** Whether the two below are of the last call that could bring the one forward or begin the other. */
  #isAsked = false;
  #deadline: number | undefined;
  #wantsDigest = false;

  constructor(options: CoreOptions, now: number) {
    const saved = options.resumeFrom;
    const instance = this.#instance;
    const length = instance.write([
      options.seed,
      options.backoffBaseMs,
      options.backoffCapMs,
      options.jitter,
      options.maxAttempts,
      options.credentialDeadlineMs,
      options.dialDeadlineMs,
      options.acceptDeadlineMs,
      options.pongDeadlineMs,
      options.closeDeadlineMs,
      options.stableAfterMs,
      options.keepaliveMs,
      options.outboxMessages,
      options.outboxBytes,
      options.maxSubscriptions,
      options.maxActivities,
      options.renewAfterMs,
      options.renewExactly,
      !!saved,
      saved?.sessionId,
      saved?.epoch,
      saved?.seq,
    ]);
    this.#core = instance.call((exports) => exports.core_new(now, length));
    instance.keep(this, this.#core);
  }

  connect(now: number): void {
    this.#say(now, What.Connect);
  }

  close(now: number): void {
    this.#say(now, What.Close);
  }

  handOver(now: number): void {
    this.#say(now, What.HandOver);
  }

  subscribe(now: number, topics: readonly string[]): void {
    this.#say(now, What.Subscribe, 0, topics);
  }

  unsubscribe(now: number, topics: readonly string[]): void {
    this.#say(now, What.Unsubscribe, 0, topics);
  }

  sendActivity(now: number, conversationId: string, status: string): void {
    this.#say(now, What.SendActivity, 0, conversationId, status);
  }

  /** `message` is the driver's name for it, `bytes` its length. */
  send(now: number, message: number, bytes: number): void {
    this.#say(now, What.Send, message, bytes);
  }

  readPaused(now: number): void {
    this.#say(now, What.ReadPaused);
  }

  readResumed(now: number): void {
    this.#say(now, What.ReadResumed);
  }

  networkReturned(now: number): void {
    this.#say(now, What.NetworkReturned);
  }

  credentialReady(now: number, fetch: number): void {
    this.#say(now, What.CredentialReady, fetch);
  }

  credentialFailed(now: number, fetch: number, failure: CredentialFailure): void {
    this.#say(now, What.CredentialFailed, fetch, failure.refused, failure.retryAfterMs, failure.message);
  }

  opened(now: number, link: number): void {
    this.#say(now, What.Opened, link);
  }

  dialFailed(now: number, link: number, failure: DialFailure): void {
    this.#say(now, What.DialFailed, link, failure.how, failure.retryAfterMs, failure.message);
  }

  heard(now: number, link: number): void {
    this.#say(now, What.Heard, link);
  }

  badFrame(now: number, link: number, why: string): void {
    this.#say(now, What.BadFrame, link, why);
  }

  closed(now: number, link: number, code: number): void {
    this.#say(now, What.Closed, link, code);
  }

  timeout(now: number): void {
    this.#say(now, What.TimePassed);
  }

  frame(now: number, link: number, frame: ServerFrame): void {
    switch (frame.kind) {
      case 'event':
        return this.#event(now, link, frame);
      case 'accepted':
        return this.#say(
          now,
          What.Accepted,
          link,
          frame.sessionId,
          frame.resumed,
          frame.epoch,
          frame.seq,
          frame.heartbeatMs,
          frame.maxDurationMs,
          frame.canResume,
          frame.gaps.flatMap(gapValues),
        );
      case 'rejected':
        return this.#say(now, What.Rejected, link, frame.reason, frame.message, frame.retryAfterMs);
      case 'subscribeAck': {
        const errors = frame.errors.flatMap((error) => [error.topic, error.code]);
        return this.#say(now, What.SubscribeAck, link, frame.subscribed, errors, frame.seq);
      }
      case 'unsubscribeAck':
        return this.#say(now, What.UnsubscribeAck, link, frame.unsubscribed);
      case 'topics':
        return this.#say(now, What.Topics, link, frame.added, frame.removed, frame.seq);
      case 'gap':
        return this.#say(now, What.Gap, link, ...gapValues(frame.gap));
      case 'pong':
        return this.#say(now, What.Pong, link, frame.seq);
      case 'draining':
        return this.#say(now, What.Draining, link, frame.slotMs, frame.deadlineMs);
      case 'error':
        return this.#say(now, What.Error, link, frame.code, frame.message);
      case 'unknown':
        return this.#say(now, What.Unknown, link);
    }
  }

  /** The next order. */
  poll(): Output | undefined {
    const next = this.#next;
    if (next) {
      this.#next = undefined;
      return next;
    }
    if (this.#at < this.#more.length) return this.#more[this.#at++];
    if (this.#at > 0) {
      this.#more = [];
      this.#at = 0;
    }
    return undefined;
  }

  /**
   * When to call `timeout`, in milliseconds since the origin. May be earlier than the core needs it, since events put it off:
   * `timeout` does nothing then, and the next answer is exact.
   */
  deadline(): number | undefined {
    this.#ask();
    return this.#deadline;
  }

  /** Whether `digest` of an event matters now: two links may bring the same frame. Ask before each decode. */
  wantsDigest(): boolean {
    this.#ask();
    return this.#wantsDigest;
  }

  /** Where a reader stands who has taken everything that was polled. */
  position(): SavedPosition {
    const instance = this.#instance;
    const length = instance.call((exports) => exports.core_position(this.#core));
    if (length < 0) throw freed();
    return instance.read(length) as SavedPosition;
  }

  /** Gives its memory back. Nothing may be called after it. */
  free(): void {
    this.#instance.free(this, this.#core);
    this.#core = -1;
    this.#isAsked = false;
    this.#next = undefined;
    this.#more = [];
    this.#topics.clear();
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#instance.call((exports) => {
      const at = exports.core_deadline(this.#core);
      this.#deadline = at === at ? at : undefined;
      this.#wantsDigest = exports.core_tells_copies(this.#core) !== 0;
    });
    this.#isAsked = true;
  }

  #say(now: number, what: What, id = 0, ...values: readonly Value[]): void {
    const instance = this.#instance;
    const written = instance.write(values);
    const length = instance.call((exports) => exports.core_call(this.#core, now, what, id, written));
    this.#take(length, undefined);
  }

  #event(now: number, link: number, frame: EventFrame): void {
    const instance = this.#instance;
    const { topic, seq, prev, event } = frame;
    const number = topic === undefined ? -1 : (this.#topics.get(topic) ?? this.#introduce(topic));
    const { exports } = instance;
    let length: number;
    // Every event passes here: no closure.
    try {
      length = exports.core_event(this.#core, now, link, number, seq ?? NaN, prev ?? NaN, frame.digest);
    } catch (cause) {
      throw instance.fail(cause);
    }
    if (length === Answer.DeliverPlaced) this.#put({ kind: 'deliver', event, cursor: seq });
    else if (length === Answer.DeliverUnplaced) this.#put({ kind: 'deliver', event, cursor: undefined });
    else if (length !== 0) this.#take(length, event);
  }

  /** Gives a topic its number. The core's table is bounded: when it is full both sides start over. */
  #introduce(topic: string): number {
    const instance = this.#instance;
    if (this.#topics.size >= MOST_TOPICS) {
      this.#topics.clear();
      instance.call((exports) => exports.core_forget_topics(this.#core));
    }
    const length = instance.writeText(topic);
    const number = instance.call((exports) => exports.core_topic(this.#core, length));
    this.#topics.set(topic, number);
    return number;
  }

  #put(order: Output): void {
    if (!this.#next && this.#more.length === 0) this.#next = order;
    else this.#more.push(order);
  }

  #take(length: number, event: RawEvent | undefined): void {
    this.#isAsked = false;
    if (length > 0) {
      for (const order of this.#instance.read(length) as Output[]) {
        // A call that brings an event can deliver no other one.
        if (order.kind === 'deliver' && event) order.event = event;
        this.#put(order);
      }
    } else if (length <= Answer.NoCore) {
      throw freed();
    } else if (length < 0) {
      const [code, message] = REFUSALS[Answer.FirstRefusal - length]!;
      throw new CommandError(code, message);
    }
  }
}

/** As in `core/src/topics.rs`. */
const MOST_TOPICS = 4096;

/** As in `core/src/facts.rs`. */
const enum What {
  Connect,
  Close,
  HandOver,
  Subscribe,
  Unsubscribe,
  SendActivity,
  Send,
  ReadPaused,
  ReadResumed,
  NetworkReturned,
  CredentialReady,
  CredentialFailed,
  Opened,
  DialFailed,
  Heard,
  BadFrame,
  Closed,
  Accepted,
  Rejected,
  SubscribeAck,
  UnsubscribeAck,
  Topics,
  Gap,
  Pong,
  Draining,
  Error,
  Unknown,
  TimePassed,
}

/** As in `core/src/abi.rs`. */
const enum Answer {
  DeliverUnplaced = -1,
  DeliverPlaced = -2,
  FirstRefusal = -10,
  NoCore = -100,
}

/** As in `core/src/abi.rs`. */
const REFUSALS: readonly (readonly [RefusalCode, string])[] = [
  ['CLOSED', 'the connection is closed'],
  ['OUTBOX_FULL', 'the outbox is full: messages wait until the connection is back'],
  ['TOO_MANY_SUBSCRIPTIONS', 'too many subscriptions: at most 100 topics, 1,000 with on-demand ones'],
  ['TOO_MANY_ACTIVITIES', "too many conversations with an activity: end one with 'idle' first"],
  ['INVALID_TOPIC', 'a topic is `prefix:name`, its prefix made of a-z, 0-9 and _, in at most 256 bytes'],
];

const gapValues = (gap: Gap): Value[] => [gap.topic, gap.after, gap.before, gap.reason];

const freed = (): CoreError => new CoreError('the core of this connection was freed');
