// Node with `ws` against a real gateway: everything arrives once and in order, whatever happens to gateway and sockets.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';

import WebSocket from 'ws';

import * as bowline from '../dist/index.js';
import { Gateway } from './harness/gateway.js';
import { stream as publishing, until } from './harness/publisher.js';
import * as scenario from './harness/scenario.js';
import { SECONDS } from './harness/times.js';
import './harness/census.js';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

/** @type {Gateway} */
let gateway;
before(async () => (gateway = await Gateway.start()));
after(() => gateway?.stop());

/** What ends the sockets and streams of a test: one that has failed leaves them, and a socket without its gateway tries for ever. */
const ends = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

const wsFactory = (url) => new WebSocket(url);
const as = (account, more) => ({ url: `${gateway.socketUrl}/agent`, tokenProvider: () => gateway.token(account, ['--kind', 'human']), wsFactory, ...more });

function agent(...given) {
  const made = scenario.agent(bowline, as(...given));
  ends.push(() => made.socket.dispose());
  return made;
}

async function chat(...given) {
  const made = await scenario.chat(bowline, ...given);
  ends.push(() => made.client.websocket.closeAll());
  return made;
}

function stream(...given) {
  const made = publishing(gateway, ...given);
  ends.push(() => made.stop().catch(() => {}));
  return made;
}

test('an agent hears typed events with their members beside the envelope', async () => {
  const { socket, seen } = agent('alice');
  await socket.connect();
  assert.deepEqual(seen.states, ['connecting', 'connected']);
  const payload = { conversationId: 'welcome', messageId: 'm1', senderId: 'bob', senderDisplayName: 'Bob', conversationType: 'dm', content: { text: 'hi' }, sequenceNumber: 1, createdAt: 't' };
  const [{ seq }] = await gateway.publish([{ topic: 'conv:welcome', type: 'message.new', payload, timestamp: '2026-11-22T01:02:03.456Z' }]);
  const [event] = await until(() => seen.events.length > 0 && seen.events, 'the event');
  const { prev, ...rest } = event;
  assert.equal(typeof prev, 'number');
  assert.deepEqual(rest, { type: 'message.new', timestamp: '2026-11-22T01:02:03.456Z', topic: 'conv:welcome', seq, payload, ...payload });
  socket.disconnect();
  await socket.closed();
  assert.deepEqual(seen.errors, []);
});

test('an on-demand topic brings what others do, and they hear what we do', async () => {
  const [alice, bob] = [agent('alice'), agent('bob')];
  const topic = 'conv_ondemand:welcome';
  alice.socket.subscribe([topic]);
  await Promise.all([alice.socket.connect(), bob.socket.connect()]);
  bob.socket.subscribe([topic, 'conv_ondemand:secret']);
  await until(() => alice.seen.acks.length && bob.seen.acks.length, 'the acks');
  assert.deepEqual(alice.seen.acks, [{ topics: [topic], errors: [] }]);
  assert.deepEqual(bob.seen.acks, [{ topics: [topic], errors: [{ topic: 'conv_ondemand:secret', code: 'FORBIDDEN' }] }]);
  alice.socket.sendActivity('welcome', 'thinking');
  await until(() => bob.seen.events.length > 0, "alice's status");
  alice.socket.sendActivity('welcome', 'idle');
  await until(() => bob.seen.events.length > 1, 'its end');
  assert.deepEqual(bob.seen.events.map(({ type, userId, conversationId, status }) => [type, userId, conversationId, status]), [
    ['activity.status', 'alice', 'welcome', 'thinking'],
    ['activity.status', 'alice', 'welcome', 'idle'],
  ]);
  for (const { socket, seen } of [alice, bob]) {
    socket.dispose();
    await socket.closed();
    assert.deepEqual(seen.errors, []);
  }
});

test('an account may hold two connections, which also move, and a third is rejected until a slot is free', async () => {
  const grace = (more) => agent('grace', { tokenProvider: () => gateway.token('grace', ['--kind', 'agent']), ...more });
  const [one, two, three] = [grace({ proactiveReconnectMs: 200 }), grace(), grace()];
  await one.socket.connect();
  await two.socket.connect();
  const accepted = await gateway.metric('bowline_links_accepted_total');
  await until(async () => (await gateway.metric('bowline_links_accepted_total')) >= accepted + 2, 'one moves, though both slots are taken');
  assert.deepEqual([one.seen.states, two.seen.states], [['connecting', 'connected'], ['connecting', 'connected']]);
  const reasons = [];
  three.socket.setOnConnectionRejected((reason) => reasons.push(reason));
  await assert.rejects(three.socket.connect(), (error) => error instanceof bowline.ConnectionRejectedError && error.reason === 'CONNECTION_LIMIT_EXCEEDED');
  assert.deepEqual(reasons, ['CONNECTION_LIMIT_EXCEEDED']);
  // A retry would come after a second.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(three.seen.states, ['connecting', 'disconnected']);
  two.socket.disconnect();
  await two.socket.closed();
  await until(() => three.socket.connect().then(() => true, () => false), 'the slot is free');
  assert.deepEqual([one.seen.errors, two.seen.errors], [[], []]);
});

test('a process goes on where another one was, or with the oldest event', async () => {
  await gateway.grant('heidi', 'conv:saved');
  const publish = (from, to) =>
    gateway.publish(Array.from({ length: to - from }, (_, n) => ({ topic: 'conv:saved', type: 'count', payload: { n: from + n } })));
  const first = agent('heidi');
  await first.socket.connect();
  await publish(0, 10);
  await until(() => first.seen.numbers.length === 10, 'what came while it was there');
  const position = JSON.stringify(first.socket.position);
  first.socket.disconnect();
  await publish(10, 20);
  const second = agent('heidi', { resumeFrom: JSON.parse(position) });
  const oldest = agent('heidi', { resumeFrom: { seq: 0 } });
  await Promise.all([second.socket.connect(), oldest.socket.connect()]);
  await publish(20, 30);
  await until(() => second.seen.numbers.length >= 20 && oldest.seen.numbers.length >= 30, 'the rest, and all');
  assert.deepEqual(second.seen.numbers, Array.from({ length: 20 }, (_, n) => 10 + n));
  assert.equal(scenario.fault(oldest.seen.numbers, 30), undefined);
  assert.deepEqual([second.seen.gaps, oldest.seen.gaps], [[], []]);
});

test('over kills of the gateway every event comes once and in order', async () => {
  await gateway.grant('carol', 'conv:kills');
  await gateway.grant('frank', 'chat:kills');
  const { socket, seen } = agent('carol', { reconnectDelay: 50 });
  const options = { url: gateway.url, tokenProvider: () => gateway.token('frank', ['--kind', 'human']), wsFactory };
  const managed = await chat(options, 'kills', { reconnectDelay: 50, maxReconnectAttempts: 0 });
  await Promise.all([socket.connect(), until(() => managed.socket.isOpen, 'the chat opens')]);
  const streams = [stream('conv:kills', 300), stream('chat:kills', 100)];
  for (let kill = 0; kill < 3; kill++) {
    const heard = seen.numbers.length;
    await until(() => seen.numbers.length > heard + 100 && managed.socket.isOpen, 'events flow');
    await gateway.kill();
    await until(() => socket.getState() !== 'connected', 'the loss is noticed');
    await gateway.restart();
  }
  const [toAgent, toChat] = await Promise.all(streams.map((stream) => stream.stop()));
  await until(() => seen.numbers.length >= toAgent && managed.seen.numbers.length >= toChat, 'the last event');
  socket.dispose();
  managed.client.websocket.closeAll();
  await Promise.all([socket.closed(), managed.client.websocket.closed()]);
  assert.equal(scenario.fault(seen.numbers, toAgent), undefined);
  assert.equal(scenario.fault(managed.seen.numbers, toChat), undefined);
  assert.deepEqual(seen.gaps, []);
  assert.equal(seen.states.filter((state) => state === 'connected').length, 4, seen.states.join());
  assert.ok(managed.seen.reconnecting.length >= 3);
});

test(`handovers every 2 s under 500 events a second for ${SECONDS} s: every event once, in order, no state change`, async () => {
  await gateway.grant('dave', 'conv:handover');
  const { socket, seen } = agent('dave', { proactiveReconnectMs: 2000 });
  await socket.connect();
  const before = await gateway.metric('bowline_links_accepted_total');
  const publisher = stream('conv:handover', 500);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const count = await publisher.stop();
  await until(() => seen.numbers.length >= count, 'the last event');
  const moves = (await gateway.metric('bowline_links_accepted_total')) - before;
  socket.dispose();
  await socket.closed();
  assert.equal(scenario.fault(seen.numbers, count), undefined);
  assert.deepEqual([seen.states, seen.gaps, seen.errors], [['connecting', 'connected', 'disconnected'], [], []]);
  assert.ok(count > SECONDS * 400, `${count} events`);
  assert.ok(moves >= Math.floor(SECONDS / 2) - 1 && moves <= SECONDS / 2 + 1, `${moves} handovers`);
  console.log(`node: ${count} events over ${moves} handovers in ${SECONDS} s`);
});

test('a thousand sockets opened and closed leave no memory, timer or socket behind', async () => {
  const options = as('erin');
  const rest = async () => {
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const resources = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind.includes('TCP')).sort();
    return { heap: process.memoryUsage().heapUsed, resources: resources.join() };
  };
  await scenario.cycles(bowline, options, 100, 5);
  const [first, core] = [await rest(), coreBytes()];
  const alive = await scenario.cycles(bowline, options, 1000, 5);
  const last = await rest();
  assert.equal(last.resources, first.resources);
  // What was given up in its handshake reaches a busy gateway late, and is gone again at once.
  await until(async () => (await gateway.metric('bowline_sockets')) === 0, 'the gateway counts no socket');
  // A leak would leave all of them.
  assert.ok(alive() < 10, `${alive()} sockets are still in memory`);
  assert.equal(coreBytes(), core);
  const each = (last.heap - first.heap) / 1000;
  assert.ok(each < 1000, `${each} bytes a socket`);
  console.log(`node: ${each.toFixed(0)} bytes a socket after 1,000; ${(last.heap / 1e6).toFixed(1)} MB in use; the core ${core / 1024} KiB; resources: ${last.resources || 'none'}`);
});
