// What is made of a server's text is what the Rust decoder makes of it, case by case of the shared files.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { corpus, message, vectors } from './harness/corpus.js';
import { source } from './harness/source.js';

const { decode, encode, LIMITS } = await source('frames.ts');
const { digest } = await source('digest.ts');

const fromServer = (cases) => cases.filter(({ side }) => side === 'server');

test('every server frame of the corpus is read as in Rust', () => judge(fromServer(corpus('server_frames.ndjson')), 1900));

test('every server frame of the vectors is read as in Rust', () => judge(fromServer(vectors()), 150));

test('every name of the corpus is a topic where it is one in Rust', () => {
  const cases = corpus('topics.ndjson');
  assert.ok(cases.length >= 400, `${cases.length} cases`);
  for (const { name, expect, ...written } of cases) {
    const frame = decode(JSON.stringify({ type: 't', seq: 2, prev: 1, topic: message(written).toString() }));
    assert.equal(frame.kind, expect === 'topic' ? 'event' : 'bad', name);
  }
});

test('every frame of a client is written as in Rust', () => {
  const cases = corpus('client_texts.ndjson');
  assert.ok(cases.length >= 20, `${cases.length} cases`);
  // The file's members are sorted; a frame is made in the order of the protocol.
  const order = ['action', 'conversationId', 'status', 'sessionId', 'epoch', 'seq', 'topics'];
  for (const { name, frame, text } of cases) {
    const made = Object.fromEntries(order.filter((member) => member in frame).map((member) => [member, frame[member]]));
    assert.equal(encode(made), text, name);
  }
});

test("a typed event's payload is handed on as it was published, with all that the struct in Rust has of it", () => {
  const cases = corpus('typed_events.ndjson');
  assert.ok(cases.length >= 1300, `${cases.length} cases`);
  for (const { name, text, expect } of cases) {
    const frame = decode(text);
    assert.equal(frame.kind, 'event', name);
    assert.deepEqual(frame.event, JSON.parse(text), `${name}: nothing is left out`);
    if ('payload' in expect) assert.deepEqual(common(frame.event.payload, expect.payload), expect.payload, name);
  }
});

/** What of a value is in the struct: its members and items, counts by their value, names in any spelling. */
function common(value, struct) {
  if (Array.isArray(struct)) return struct.map((item, at) => common(value[at], item));
  if (typeof struct !== 'object' || struct === null) return value;
  return Object.fromEntries(Object.entries(struct).map(([name, item]) => [name, common(value[name], item)]));
}

test('digests of texts that differ a little differ', () => {
  const seen = new Set();
  const base = 'a'.repeat(100);
  const add = (text) => {
    const hash = digest(text);
    assert.ok(Number.isSafeInteger(hash) && hash >= 0, text);
    assert.ok(!seen.has(hash), text);
    seen.add(hash);
  };
  add(base);
  for (let at = 0; at < base.length; at++) {
    for (let bit = 0; bit < 16; bit++) add(base.slice(0, at) + String.fromCharCode(0x61 ^ (1 << bit)) + base.slice(at + 1));
    add(base.slice(0, at));
  }
  for (let length = 1; length < 64; length++) add('\0'.repeat(length));
});

test('numbered frames do not collide in 200,000, and their bits are evenly spread', () => {
  const seen = new Set();
  const ones = new Uint32Array(53);
  for (let n = 0; n < 200_000; n++) {
    const hash = digest(`{"type":"t","payload":${n}}`);
    seen.add(hash);
    if (n % 2 === 0) for (let bit = 0; bit < 53; bit++) ones[bit] += Math.floor(hash / 2 ** bit) % 2;
  }
  assert.equal(seen.size, 200_000);
  for (const [bit, count] of ones.entries()) assert.ok(Math.abs(count - 50_000) < 1_000, `bit ${bit}: ${count}`);
});

test('a digest is made only where it is asked for', () => {
  const text = '{"type":"t"}';
  assert.equal(decode(text).digest, 0);
  assert.equal(decode(text, true).digest, digest(text));
});

test('topics beyond any number are still told from what is none', () => {
  for (let n = 0; n < 5_000; n++) {
    assert.equal(decode(`{"type":"t","seq":2,"prev":1,"topic":"conv:${n}"}`).topic, `conv:${n}`);
    assert.equal(decode(`{"type":"t","seq":2,"prev":1,"topic":"${n}"}`).kind, 'bad');
  }
});

test('a long text is measured in bytes, whatever its script', () => {
  const decoded = (letter, bytes) => decode(`{"type":"${letter.repeat(bytes)}"}`, false, { messageBytes: 1_000, depth: 32 }).kind;
  for (const [letter, bytes] of [['x', 1], ['é', 2], ['東', 3], ['🎈', 4]]) {
    assert.equal(decoded(letter, Math.floor(989 / bytes)), 'event', letter);
    assert.equal(decoded(letter, Math.floor(989 / bytes) + 1), 'bad', letter);
  }
});

function judge(cases, atLeast) {
  assert.ok(cases.length >= atLeast, `${cases.length} cases`);
  for (const { name, limits, expect, ...written } of cases) {
    const read = outcome(message(written), { messageBytes: 65_536, depth: LIMITS.depth, ...limits });
    if ('payload' in expect) expect.payload = JSON.parse(expect.payload);
    assert.deepEqual(read, expect, name);
  }
}

/** The frame in the words of the files, or the error with the member that it names. */
function outcome(bytes, limits) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // A WebSocket fails at such a message by itself; before, it looks at its length.
    return { error: bytes.length > limits.messageBytes ? 'TooLong' : 'NotUtf8' };
  }
  const frame = decode(text, false, limits);
  switch (frame.kind) {
    case 'bad':
      return broken(frame.why);
    case 'event': {
      const { type, timestamp = '', topic, seq, prev, payload } = frame.event;
      // What the protocol goes by and what a handler is given are the same.
      assert.deepEqual({ topic, seq, prev }, { topic: frame.topic, seq: frame.seq, prev: frame.prev });
      return less({ frame: 'event', type, timestamp, topic, seq, prev, payload });
    }
    case 'accepted': {
      const { kind, canResume, canDrain, ...rest } = frame;
      return { frame: kind, resume: canResume, drain: canDrain, ...rest };
    }
    case 'gap':
      return { frame: 'gap', ...frame.gap };
    default: {
      const { kind, ...rest } = frame;
      return { frame: { subscribeAck: 'subscribe_ack', unsubscribeAck: 'unsubscribe_ack' }[kind] ?? kind, ...rest };
    }
  }
}

const less = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function broken(why) {
  const [, member, fault] = /^(?:`(\w+)` (?:is )?)?(.*)$/.exec(why);
  for (const [error, start] of Object.entries(RULES)) {
    if (fault.startsWith(start)) return less({ error, member });
  }
  throw new Error(`a rule without a name: ${why}`);
}

const RULES = {
  TooLong: 'longer than',
  TooDeep: 'nested deeper',
  NotJson: 'not JSON',
  NotAnObject: 'no JSON object',
  Missing: 'missing',
  WrongType: 'not what it must be',
  OutOfRange: 'no whole number',
};
