// The compiled core behind its typed face: what goes in, what comes out, and that nothing stays behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import * as compiled from '../built/src/core.js';
import { currentInstance } from '../built/src/instance.js';
import * as translated from '../built/purejs/core.js';

const EPOCH = '00000000000000ff';
const MEGABYTE = 1024 * 1024;

const accepted = (over = {}) => ({
  kind: 'accepted',
  connectionId: 'c1',
  sessionId: 's1',
  resumed: false,
  epoch: EPOCH,
  seq: 10,
  heartbeatMs: 15_000,
  maxDurationMs: 7_200_000,
  canResume: true,
  canDrain: true,
  gaps: [],
  ...over,
});

const event = (seq, prev, topic = 'conv:a') => {
  const raw = { type: 'message.new', topic, seq, prev, payload: { seq } };
  return { kind: 'event', topic, seq, prev, digest: 0, event: raw };
};

const signal = (digest, topic) => ({
  kind: 'event',
  topic,
  seq: undefined,
  prev: undefined,
  digest,
  event: { type: 'activity', topic, payload: null },
});

function drained(core) {
  const orders = [];
  for (let order = core.poll(); order; order = core.poll()) orders.push(order);
  return orders;
}

const kinds = (orders) => orders.map((order) => (order.kind === 'notice' ? order.notice.kind : order.kind));

/** A core that has been accepted; its link. */
function live(Core, options = {}, frame = accepted()) {
  const core = new Core({ seed: 1, ...options }, 0);
  core.connect(0);
  core.credentialReady(1, drained(core).find((order) => order.kind === 'fetch').fetch);
  const { link } = drained(core).find((order) => order.kind === 'dial');
  core.opened(2, link);
  drained(core);
  core.frame(3, link, frame);
  drained(core);
  return { core, link };
}

test('ten thousand cores made and freed leave the memory as it was', () => {
  const use = () => {
    const { core, link } = live(compiled.Core);
    core.subscribe(4, ['conv:a', 'conv:b']);
    core.frame(4, link, event(11, 0));
    drained(core);
    core.free();
  };
  for (let i = 0; i < 100; i++) use();
  const before = currentInstance().exports.memory.buffer.byteLength;
  for (let i = 0; i < 10_000; i++) use();
  assert.equal(currentInstance().exports.memory.buffer.byteLength, before);
  assert.ok(before < MEGABYTE, `${before} bytes`);
});

test('cores that are dropped without being freed are freed by the garbage collector', () => {
  const script = `
    import { Core } from ${JSON.stringify(new URL('../built/src/core.js', import.meta.url).href)};
    import { currentInstance } from ${JSON.stringify(new URL('../built/src/instance.js', import.meta.url).href)};
    const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 200; i++) new Core({ seed: 1 }, 0).connect(0);
      globalThis.gc();
      await turn();
    }
    console.log(currentInstance().exports.memory.buffer.byteLength);
  `;
  const options = ['--expose-gc', '--input-type=module', '--eval', script];
  const bytes = Number(execFileSync(process.execPath, options, { encoding: 'utf8' }));
  assert.ok(bytes > 0 && bytes < 4 * MEGABYTE, `${bytes} bytes after ten thousand`);
});

test('a million events of a hundred thousand topics leave the memory bounded', () => {
  const { core, link } = live(compiled.Core);
  let delivered = 0;
  let settled = 0;
  for (let i = 1; i <= 1_000_000; i++) {
    core.frame(4, link, event(10 + i, 0, `conv:${i % 100_000}`));
    while (core.poll()) delivered++;
    if (i === 20_000) settled = currentInstance().exports.memory.buffer.byteLength;
  }
  assert.equal(delivered, 1_000_000);
  assert.equal(currentInstance().exports.memory.buffer.byteLength, settled);
  assert.ok(settled < 4 * MEGABYTE, `${settled} bytes`);
  core.free();
});

for (const [how, { Core, CommandError, CoreError }] of Object.entries({ compiled, translated })) {
  test(`${how}: a connection is opened, delivers, hands over nothing twice and closes`, () => {
    const core = new Core({ seed: 1, jitter: false }, 0);
    core.connect(0);
    assert.deepEqual(drained(core), [
      { kind: 'notice', notice: { kind: 'state', state: 'connecting' } },
      { kind: 'fetch', fetch: 1 },
    ]);
    assert.equal(core.deadline(), 30_000, 'the token provider');
    core.credentialReady(1.5, 1);
    assert.deepEqual(drained(core), [{ kind: 'dial', link: 2, fetch: 1, resume: false }]);
    assert.equal(core.deadline(), 10_001.5, 'the dial');
    core.opened(2, 2);
    assert.deepEqual(drained(core), []);
    core.subscribe(2, ['conv:a', 'conv_ondemand:ü']);
    core.sendActivity(2, 'c"1\n', 'typing');
    core.send(2, 7, 100);

    const frame = accepted({ gaps: [{ topic: 'conv:b', after: 1, before: 5, reason: 'retention' }] });
    core.frame(3, 2, frame);
    assert.deepEqual(drained(core), [
      { kind: 'notice', notice: { kind: 'gap', gap: frame.gaps[0] } },
      { kind: 'notice', notice: { kind: 'moved', cursor: { epoch: EPOCH, seq: 10 } } },
      { kind: 'notice', notice: { kind: 'state', state: 'connected' } },
      { kind: 'send', link: 2, frame: { action: 'subscribe', topics: ['conv:a', 'conv_ondemand:ü'] } },
      { kind: 'send', link: 2, frame: { action: 'activity', conversationId: 'c"1\n', status: 'typing' } },
      { kind: 'sendMessage', link: 2, message: 7 },
    ]);

    const first = event(11, 0);
    core.frame(4, 2, first);
    const [order, ...rest] = drained(core);
    assert.deepEqual([order.kind, order.cursor, rest], ['deliver', 11, []]);
    assert.equal(order.event, first.event, 'the very object');
    core.frame(4, 2, first);
    assert.deepEqual(drained(core), [], 'once');
    core.frame(5, 2, signal(0, undefined));
    assert.deepEqual(kinds(drained(core)), ['deliver']);
    core.frame(5, 2, signal(0, 'conv_ondemand:other'));
    assert.deepEqual(drained(core), [], 'nobody asked for it');
    assert.deepEqual(core.position(), { sessionId: 's1', epoch: EPOCH, seq: 11 });

    core.frame(6, 2, { kind: 'subscribeAck', subscribed: ['conv:a'], errors: [{ topic: 'x', code: 'FORBIDDEN' }], seq: 12 });
    assert.deepEqual(kinds(drained(core)), ['moved', 'subscribeAck']);
    core.close(7);
    assert.deepEqual(drained(core), [
      { kind: 'close', link: 2, code: 1000 },
      { kind: 'notice', notice: { kind: 'state', state: 'closing' } },
    ]);
    core.closed(8, 2, 1000);
    assert.deepEqual(drained(core), [
      { kind: 'notice', notice: { kind: 'state', state: 'closed', reason: { kind: 'asked' } } },
    ]);
    assert.equal(core.deadline(), undefined);
    core.free();
  });

  test(`${how}: an event behind a hole comes after the news of its gap`, () => {
    const { core, link } = live(Core);
    core.frame(4, link, event(20, 15));
    assert.deepEqual(kinds(drained(core)).slice(0, 2), ['trouble', 'abort'], 'the stream is taken up again first');
    core.timeout(60_000);
    const { fetch } = drained(core).find((order) => order.kind === 'fetch');
    core.credentialReady(60_000, fetch);
    const dial = drained(core).find((order) => order.kind === 'dial');
    assert.equal(dial.resume, true);
    core.opened(60_001, dial.link);
    assert.deepEqual(drained(core), [
      { kind: 'send', link: dial.link, frame: { action: 'resume', sessionId: 's1', epoch: EPOCH, seq: 10, topics: [] } },
    ]);
    core.frame(60_002, dial.link, accepted({ resumed: true }));
    drained(core);
    const late = event(20, 15);
    core.frame(60_003, dial.link, late);
    const orders = drained(core);
    assert.deepEqual(orders[0].notice.gap, { topic: 'conv:a', after: 10, before: 20, reason: 'missing' });
    assert.deepEqual(orders.slice(1), [{ kind: 'deliver', event: late.event, cursor: 20 }]);
    core.free();
  });

  test(`${how}: orders keep their sequence when several calls come before a poll`, () => {
    const { core, link } = live(Core);
    for (const seq of [11, 12, 13]) core.frame(4, link, event(seq, seq - 1));
    core.networkReturned(5);
    core.frame(6, link, event(14, 13));
    const orders = drained(core);
    assert.deepEqual(kinds(orders), ['deliver', 'deliver', 'deliver', 'send', 'deliver']);
    assert.deepEqual(orders.filter((order) => order.event).map((order) => order.event.seq), [11, 12, 13, 14]);
    core.free();
  });

  test(`${how}: a wish that is refused says why and changes nothing`, () => {
    const { core, link } = live(Core, { maxSubscriptions: 2, maxActivities: 1, outboxMessages: 1 });
    const refusal = (code) => (error) => error instanceof CommandError && error.code === code && error.message !== '';
    assert.throws(() => core.subscribe(4, ['conv:a', 'no topic']), refusal('INVALID_TOPIC'));
    assert.throws(() => core.subscribe(4, ['conv:a', 'conv:b', 'conv:c']), refusal('TOO_MANY_SUBSCRIPTIONS'));
    core.sendActivity(4, 'a', 'typing');
    assert.throws(() => core.sendActivity(4, 'b', 'typing'), refusal('TOO_MANY_ACTIVITIES'));
    core.closed(5, link, 1006);
    core.send(5, 1, 10);
    assert.throws(() => core.send(5, 2, 10), refusal('OUTBOX_FULL'));
    drained(core);
    core.close(6);
    assert.deepEqual(kinds(drained(core)), ['dropMessage', 'state', 'state']);
    assert.throws(() => core.subscribe(7, ['conv:a']), refusal('CLOSED'));
    assert.deepEqual(drained(core), []);
    core.free();
  });

  test(`${how}: several cores in one instance do not know of each other`, () => {
    const cores = Array.from({ length: 5 }, () => live(Core));
    for (const [index, { core, link }] of cores.entries()) {
      for (let seq = 11; seq <= 11 + index; seq++) core.frame(4, link, event(seq, 0, `conv:${seq}`));
      assert.equal(drained(core).length, index + 1);
    }
    cores[2].core.free();
    const { core: other } = live(Core);
    assert.deepEqual(cores.filter((_, index) => index !== 2).map(({ core }) => core.position().seq), [11, 12, 14, 15]);
    assert.equal(other.position().seq, 10);
    for (const core of [other, ...cores.filter((_, index) => index !== 2).map(({ core }) => core)]) core.free();
  });

  test(`${how}: a core that was freed says so to whoever still asks it`, () => {
    const { core, link } = live(Core);
    core.free();
    core.free();
    for (const use of [
      () => core.connect(1),
      () => core.frame(1, link, event(11, 0)),
      () => core.frame(1, link, { kind: 'pong' }),
      () => core.position(),
    ]) {
      assert.throws(use, CoreError);
    }
    assert.deepEqual([core.poll(), core.deadline(), core.wantsDigest()], [undefined, undefined, false]);
    const { core: next } = live(Core);
    assert.equal(next.position().seq, 10, 'the instance is whole');
    next.free();
  });

  test(`${how}: a digest is wanted while two links may bring the same frame`, () => {
    const { core, link } = live(Core, {}, accepted({ epoch: undefined, seq: undefined, canResume: false }));
    assert.equal(core.wantsDigest(), false);
    core.handOver(4);
    core.credentialReady(4, drained(core).find((order) => order.kind === 'fetch').fetch);
    const successor = drained(core).find((order) => order.kind === 'dial').link;
    assert.equal(core.wantsDigest(), false);
    core.opened(5, successor);
    assert.equal(core.wantsDigest(), true);
    core.frame(6, successor, accepted({ epoch: undefined, seq: undefined, canResume: false }));
    drained(core);
    core.frame(7, link, signal(77));
    core.frame(7, successor, signal(77));
    core.frame(7, successor, signal(78));
    assert.deepEqual(kinds(drained(core)), ['deliver', 'deliver'], 'one was a copy');
    core.free();
  });

  test(`${how}: whatever JavaScript passes, the core answers and lives on`, () => {
    const odd = [NaN, -1, Infinity, -Infinity, 1e300, 2 ** 53, 0.5, undefined, null, '', 'x'.repeat(70_000), '\ud800', '\0', {}, [], true];
    const { core, link } = live(Core);
    const attempts = [
      (x) => core.timeout(x),
      (x) => core.frame(4, x, event(11, 0)),
      (x) => core.frame(4, link, event(x, 0)),
      (x) => core.frame(4, link, event(12, x)),
      (x) => core.frame(4, link, { ...event(12, 0), digest: x }),
      (x) => core.frame(4, link, { ...event(undefined, undefined), topic: x }),
      (x) => core.frame(4, link, { kind: 'pong', seq: x }),
      (x) => core.frame(4, link, accepted({ seq: x, epoch: x, sessionId: x, heartbeatMs: x })),
      (x) => core.frame(4, link, { kind: 'gap', gap: { topic: x, after: x, before: x, reason: x } }),
      (x) => core.frame(4, link, { kind: 'topics', added: [x], removed: [x, x], seq: x }),
      (x) => core.frame(4, link, { kind: 'subscribeAck', subscribed: [x], errors: [{ topic: x, code: x }], seq: x }),
      (x) => core.frame(4, link, { kind: 'unsubscribeAck', unsubscribed: [x] }),
      (x) => core.frame(4, link, { kind: 'error', code: x, message: x }),
      (x) => core.frame(4, link, { kind: 'draining', reason: x, slotMs: x, deadlineMs: x }),
      (x) => core.frame(4, link, { kind: 'rejected', reason: x, message: x, retryAfterMs: x }),
      (x) => core.credentialFailed(x, x, { refused: x, retryAfterMs: x, message: x }),
      (x) => core.dialFailed(x, x, { how: x, retryAfterMs: x, message: x }),
      (x) => core.closed(4, x, x),
      (x) => core.badFrame(4, x, x),
      (x) => core.subscribe(4, [x]),
      (x) => core.unsubscribe(4, [x, 'conv:a']),
      (x) => core.sendActivity(4, x, x),
      (x) => core.send(4, x, x),
      (x) => new Core({ seed: x, backoffBaseMs: x, maxAttempts: x, renewAfterMs: x, resumeFrom: { sessionId: x, epoch: x, seq: x } }, x).free(),
    ];
    for (const attempt of attempts) {
      for (const x of odd) {
        try {
          attempt(x);
        } catch (error) {
          assert.ok(error instanceof CommandError || error instanceof TypeError, `${attempt} ${String(x).slice(0, 20)}: ${error}`);
        }
        drained(core);
      }
    }
    core.free();
    const next = live(Core);
    next.core.frame(4, next.link, event(11, 0));
    assert.deepEqual(kinds(drained(next.core)), ['deliver']);
    next.core.free();
  });
}

test('a trap is an error that says so, and ends every core of its instance, but none made later', () => {
  const [first, second] = [live(compiled.Core), live(compiled.Core)];
  const { exports } = currentInstance();
  const broken = exports.memory.buffer;
  // Nothing that a caller can say leads to a trap; what a bug would do is done here: the memory is overwritten.
  new Uint8Array(broken).fill(0xff);
  assert.throws(
    () => first.core.frame(4, first.link, accepted()),
    (error) => error instanceof compiled.CoreError && error.cause instanceof WebAssembly.RuntimeError,
  );
  assert.throws(() => second.core.connect(5), compiled.CoreError);
  assert.throws(() => second.core.position(), compiled.CoreError);
  second.core.free();
  const third = live(compiled.Core);
  third.core.frame(4, third.link, event(11, 0));
  assert.deepEqual(kinds(drained(third.core)), ['deliver']);
  third.core.free();
});
