// What a server's text is, and what a client's frame is as text. The rules are those of `docs/protocol.md`, section 9: strict
// where a position is at stake, lenient towards servers that know only the plain layer. `crates/proto/src/json` decides alike;
// the files of `tests/corpus/data` hold the two together.
//
// An event costs one `JSON.parse` and a few reads: the parsed object itself is handed on.

import { digest } from './digest.js';

/** How much of a peer's text is looked at. */
export interface Limits {
  /** The longest message, in bytes of UTF-8. */
  messageBytes: number;
  /** The deepest nesting, the message itself being the first level. */
  depth: number;
}

/** Room for servers that send longer messages than a gateway does. */
export const LIMITS: Limits = { messageBytes: 1 << 20, depth: 32 };

/** An event as it was parsed: nothing copied, nothing left out. What reads as absent by the rules of the protocol is absent. */
export interface RawEvent {
  type: string;
  /** RFC 3339 as a rule; a plain server may say anything. */
  timestamp?: string;
  topic?: string;
  /** Its position; there with `prev` or not at all. */
  seq?: number;
  /** The position of the previous event of its topic, 0 for the first. */
  prev?: number;
  /** Any JSON value, `null` included; absent when the server sent none. */
  payload?: unknown;
  [member: string]: unknown;
}

/** Why events cannot be had: they were too old, in the lost end of another log, damaged, or skipped by the server. */
export type GapReason = 'retention' | 'epoch' | 'storage' | 'missing';

/** Events of `topic` with `after < seq < before` can no longer be had. */
export interface Gap {
  topic: string;
  after: number;
  before: number;
  reason: GapReason;
}

/** A topic that the server would not subscribe, as it was asked for, and why. */
export interface TopicRefusal {
  topic: string;
  code: string;
}

/** An event and what the protocol needs of it. Members that are `undefined` are always there: one shape for the compiler. */
export interface EventFrame {
  kind: 'event';
  topic: string | undefined;
  seq: number | undefined;
  prev: number | undefined;
  /** The hash of the text where it was asked for, otherwise 0. */
  digest: number;
  event: RawEvent;
}

export interface AcceptedFrame {
  kind: 'accepted';
  connectionId?: string;
  sessionId?: string;
  resumed: boolean;
  epoch?: string;
  seq?: number;
  heartbeatMs?: number;
  maxDurationMs?: number;
  canResume: boolean;
  canDrain: boolean;
  gaps: Gap[];
}

/** What a server says. */
export type ServerFrame =
  | EventFrame
  | AcceptedFrame
  | { kind: 'rejected'; reason: string; message: string; retryAfterMs?: number }
  | { kind: 'subscribeAck'; subscribed: string[]; errors: TopicRefusal[]; seq?: number }
  | { kind: 'unsubscribeAck'; unsubscribed: string[] }
  | { kind: 'topics'; added: string[]; removed: string[]; seq: number }
  | { kind: 'gap'; gap: Gap }
  | { kind: 'pong'; seq?: number }
  | { kind: 'draining'; reason: 'shutdown' | 'rebalance' | 'max_duration' | 'other'; slotMs: number; deadlineMs: number }
  | { kind: 'error'; code: string; message: string }
  | { kind: 'unknown' };

/** A frame, or which rule the text breaks. */
export type Decoded = ServerFrame | { kind: 'bad'; why: string };

/** What a client says; `JSON.stringify` makes the text. */
export type ClientFrame =
  | { action: 'ping' }
  | { action: 'subscribe' | 'unsubscribe'; topics: string[] }
  | { action: 'activity'; conversationId: string; status: string }
  | { action: 'resume'; sessionId?: string; epoch?: string; seq: number; topics?: string[] };

/** The wire text of a client's frame. */
export const encode = (frame: ClientFrame): string => JSON.stringify(frame);

/**
 * Reads a server's message. `wantDigest` is for servers without positions, whose copies are told by their text. Never throws.
 */
export function decode(text: string, wantDigest = false, limits = LIMITS): Decoded {
  try {
    check(text, limits);
    // A message is well-formed as it comes: only an escape can make a lone surrogate.
    hasEscapes = text.includes('\\u');
    const object = parsed(text);
    // An event as a gateway sends it. Members are read by fixed names, which engines do several times faster than by changing ones;
    // whatever is odd about others is for those who look at each member.
    const { action, type, timestamp, topic, seq, prev } = object;
    if (action === undefined && !hasEscapes && typeof type === 'string' && typeof timestamp === 'string') {
      if (isPosition(seq) && seq > 0 && isPosition(prev) && isTopic(topic)) {
        if (prev === 0) object.prev = 0;
        return { kind: 'event', topic, seq, prev: prev + 0, digest: wantDigest ? digest(text) : 0, event: object as RawEvent };
      }
    }
    const name = textOf(object, 'action');
    return name === undefined ? event(object, text, wantDigest) : steering(name, object);
  } catch (error) {
    if (error instanceof Bad) return { kind: 'bad', why: error.why };
    throw error;
  }
}

interface Members {
  [name: string]: unknown;
}

/** A rule that is broken. Not an `Error`: a peer's fault needs no stack. */
class Bad {
  constructor(readonly why: string) {}
}

const missing = (name: string) => new Bad(`\`${name}\` is missing`);
const wrong = (name: string) => new Bad(`\`${name}\` is not what it must be`);

function event(object: Members, text: string, wantDigest: boolean): EventFrame {
  if (textOf(object, 'type') === undefined) throw missing('action');
  let seq = position(object, 'seq');
  let prev = position(object, 'prev');
  let topic: string | undefined;
  if (seq !== undefined && prev !== undefined) {
    // Whoever gives places speaks the resume layer, where a place without its topic proves nothing.
    topic = required('topic', topicOf(object, 'topic'));
  } else {
    // A plain server's own numbering: nothing to go by.
    seq = prev = undefined;
    forget(object, 'seq');
    forget(object, 'prev');
    const name = object['topic'];
    if (isTopic(name)) topic = name;
    else forget(object, 'topic');
  }
  if (!isText(object['timestamp'])) forget(object, 'timestamp');
  return { kind: 'event', topic, seq, prev, digest: wantDigest ? digest(text) : 0, event: object as RawEvent };
}

function forget(object: Members, name: string): void {
  if (object[name] !== undefined) delete object[name];
}

function steering(action: string, object: Members): ServerFrame {
  switch (action) {
    case 'connection.accepted':
      return accepted(object);
    case 'connection.rejected': {
      const [reason, message] = [anyText(object, 'reason'), anyText(object, 'message')];
      return given({ kind: 'rejected', reason, message, retryAfterMs: millis(object, 'retryAfterMs') });
    }
    case 'subscribe_ack': {
      const errors = list(object, 'errors').map((item) => {
        const refusal = members(item, 'errors');
        return { topic: cut(required('topic', textOf(refusal, 'topic'))), code: anyText(refusal, 'code') };
      });
      return given({ kind: 'subscribeAck', subscribed: topics(object, ours(object, 'subscribed')), errors, seq: position(object, 'seq') });
    }
    case 'unsubscribe_ack':
      return { kind: 'unsubscribeAck', unsubscribed: topics(object, ours(object, 'unsubscribed')) };
    case 'topics': {
      const seq = required('seq', position(object, 'seq'));
      return { kind: 'topics', added: topics(object, 'added'), removed: topics(object, 'removed'), seq };
    }
    case 'gap':
      return { kind: 'gap', gap: gap(object) };
    case 'pong':
      return given({ kind: 'pong', seq: position(object, 'seq') });
    case 'connection.draining':
      return {
        kind: 'draining',
        reason: among(['shutdown', 'rebalance', 'max_duration'] as const, object['reason'], 'other'),
        slotMs: required('slotMs', millis(object, 'slotMs')),
        deadlineMs: required('deadlineMs', millis(object, 'deadlineMs')),
      };
    case 'error':
      return { kind: 'error', code: anyText(object, 'code'), message: anyText(object, 'message') };
    default:
      return { kind: 'unknown' };
  }
}

function accepted(object: Members): AcceptedFrame {
  // A plain server's ids may be anything: they must not cost the connection.
  const { connectionId, sessionId } = object;
  const resumed = object['resumed'] ?? false;
  if (typeof resumed !== 'boolean') throw wrong('resumed');
  const epoch = textOf(object, 'epoch')?.toLowerCase();
  if (epoch !== undefined && !/^[0-9a-f]{16}$/.test(epoch)) throw wrong('epoch');
  const [seq, heartbeatMs, maxDurationMs] = [position(object, 'seq'), millis(object, 'heartbeatMs'), millis(object, 'maxDurationMs')];
  const features = list(object, 'features');
  return given({
    kind: 'accepted',
    connectionId: isText(connectionId) ? connectionId : undefined,
    sessionId: typeof sessionId === 'string' && /^[\w-]{1,64}$/.test(sessionId) ? sessionId : undefined,
    resumed,
    epoch,
    seq,
    heartbeatMs,
    maxDurationMs,
    canResume: features.includes('resume'),
    canDrain: features.includes('drain'),
    gaps: list(object, 'gaps').map((item) => gap(members(item, 'gaps'))),
  });
}

function gap(object: Members): Gap {
  return {
    topic: required('topic', topicOf(object, 'topic')),
    after: required('after', position(object, 'after')),
    before: required('before', position(object, 'before')),
    // Whatever a later version calls it: the gateway does not have them.
    reason: among(['retention', 'epoch', 'missing'] as const, object['reason'], 'storage'),
  };
}

function among<T extends string, E extends string>(known: readonly T[], value: unknown, otherwise: E): T | E {
  return known.find((name) => name === value) ?? otherwise;
}

/** The member of our own name, or a plain server's. */
const ours = (object: Members, name: string) => (object[name] == null ? 'topics' : name);

/** A list of topics that the server made. What is no topic cannot be one that the client knows, and is left out. */
function topics(object: Members, name: string): string[] {
  return list(object, name).filter((item): item is string => {
    if (!isText(item)) throw wrong(name);
    return isTopic(item);
  });
}

// Members. `null` reads as absent.

function list(object: Members, name: string): unknown[] {
  const value = object[name] ?? [];
  if (!Array.isArray(value)) throw wrong(name);
  return value;
}

function members(value: unknown, name: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name);
  return value as Members;
}

function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw missing(name);
  return value;
}

/** A text. One that is no Unicode (a lone surrogate) is not what it must be. */
function textOf(object: Members, name: string): string | undefined {
  const value = object[name];
  if (value == null) return undefined;
  if (!isText(value)) throw wrong(name);
  return value;
}

/** A text that steers nothing: of any other type it reads as empty. */
function anyText(object: Members, name: string): string {
  const value = object[name];
  return isText(value) ? value : '';
}

/** Whether the message that is being read escapes characters by their numbers. */
let hasEscapes = false;

function isText(value: unknown): value is string {
  return typeof value === 'string' && !(hasEscapes && /\p{Cs}/u.test(value));
}

/** A position: the number's value counts, not its spelling (`1e3` is 1000). */
function position(object: Members, name: string): number | undefined {
  const value = object[name];
  if (value == null) return undefined;
  if (typeof value !== 'number') throw wrong(name);
  if (!isPosition(value)) throw new Bad(`\`${name}\` is no whole number from 0 to 2^53 - 1`);
  // `-0` is zero.
  if (value === 0) object[name] = 0;
  return value + 0;
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Milliseconds, saturating at both ends, fractions cut off. */
function millis(object: Members, name: string): number | undefined {
  const value = object[name];
  if (value == null) return undefined;
  if (typeof value !== 'number') throw wrong(name);
  return Math.trunc(Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER)) + 0;
}

function topicOf(object: Members, name: string): string | undefined {
  const value = object[name];
  if (value == null) return undefined;
  if (!isTopic(value)) throw wrong(name);
  return value;
}

// Topics that were found to be some, since a link says the same ones again and again. Emptied when it is full.
const knownTopics = /* @__PURE__ */ new Set<unknown>();
const MOST_KNOWN = 1024;

function isTopic(value: unknown): value is string {
  if (knownTopics.has(value)) return true;
  const fits = isText(value) && bytes(value) <= TOPIC_BYTES && /^[a-z0-9_]+:[^\0-\x1f\x7f-\x9f]+$/.test(value);
  if (fits) {
    if (knownTopics.size >= MOST_KNOWN) knownTopics.clear();
    knownTopics.add(value);
  }
  return fits;
}

const TOPIC_BYTES = 256;

/** As much of a refused topic as is worth telling: whole characters. */
function cut(text: string): string {
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(TOPIC_BYTES)).read);
}

/** How many bytes a text has in UTF-8. */
function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Without the members that are `undefined`. */
function given<F extends ServerFrame>(frame: { [K in keyof F]: F[K] | undefined }): F {
  for (const name of Object.keys(frame) as (keyof F)[]) if (frame[name] === undefined) delete frame[name];
  return frame as F;
}

// The text itself, before anything is made of it.

function parsed(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Bad('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Bad('no JSON object');
  return value as Members;
}

function check(text: string, { messageBytes, depth }: Limits): void {
  // A unit of UTF-16 has at most three bytes in UTF-8.
  if (text.length * 3 > messageBytes && (text.length > messageBytes || bytes(text) > messageBytes)) {
    throw new Bad(`longer than ${messageBytes} bytes`);
  }
  // Few brackets, wherever they stand, cannot nest deeply; most messages are known for good by that.
  let left = depth;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (--left < 0) return checkDepth(text, depth);
    }
  }
}

/** Counts the open brackets outside of texts. What is no JSON at all is left to the parser. */
function checkDepth(text: string, limit: number): void {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inText) {
      if (unit === BACKSLASH) at++;
      else if (unit === QUOTE) inText = false;
      else if (unit < 0x20) return;
    } else if (unit === QUOTE) {
      inText = true;
    } else if (unit === BRACE || unit === BRACKET) {
      if (++depth > limit) throw new Bad(`nested deeper than ${limit} levels`);
    } else if (unit === BRACE + 2 || unit === BRACKET + 2) {
      depth = Math.max(depth - 1, 0);
    }
  }
}

const [QUOTE, BACKSLASH, BRACKET, BRACE] = [0x22, 0x5c, 0x5b, 0x7b];
