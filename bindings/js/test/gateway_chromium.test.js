// A real page in Chromium against a real gateway: everything arrives once and in order, whatever happens to gateway and sockets.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, open, heapOf } from './harness/chromium.js';
import { Gateway } from './harness/gateway.js';
import { pages } from './harness/pages.js';
import { stream, until } from './harness/publisher.js';
import { fault } from './harness/scenario.js';
import { SECONDS } from './harness/times.js';

let [gateway, browser] = [];
before(async () => ([gateway, browser] = await Promise.all([Gateway.start(), launch()])));
after(() => Promise.all([gateway?.stop(), browser?.close()]));

/** Runs `body` with a page that has the package; at its end no timer, socket or error may be left in it. */
function inPage(name, body, options) {
  test(name, async () => {
    const server = await pages(options);
    let page;
    try {
      page = await open(browser, server.url);
      await body(page);
      await until(async () => (await page.evaluate(() => census())).sockets === 0, 'the sockets are closed');
      assert.deepEqual(await page.evaluate(() => census()), { sockets: 0, timers: 0, errors: [] });
    } finally {
      await page?.context().close();
      await server.close();
    }
  });
}

/** An agent in the page, under a name of its own. */
async function agent(page, name, account, more = {}) {
  const options = { url: `${gateway.socketUrl}/agent`, tokenProvider: gateway.token(account, ['--kind', 'human']), ...more };
  await page.evaluate(([name, options]) => (globalThis[name] = scenario.agent(bowline, options)), [name, options]);
}

const connect = (page, name) => page.evaluate((name) => globalThis[name].socket.connect(), name);
const seen = (page, name) => page.evaluate((name) => globalThis[name].seen, name);
const heard = (page, name) => page.evaluate((name) => globalThis[name].seen.numbers.length, name);
const leave = (page, name) =>
  page.evaluate((name) => (globalThis[name].socket.disconnect(), globalThis[name].socket.closed()), name);

inPage('a page hears typed events with their members beside the envelope', async (page) => {
  await agent(page, 'alice', 'alice');
  await connect(page, 'alice');
  const payload = { conversationId: 'welcome', messageId: 'm1', senderId: 'bob', senderDisplayName: 'Bob', conversationType: 'dm', content: { text: 'hi 🎈' }, sequenceNumber: 1, createdAt: 't' };
  const [{ seq }] = await gateway.publish([{ topic: 'conv:welcome', type: 'message.new', payload, timestamp: '2026-11-22T01:02:03.456Z' }]);
  const events = await until(async () => (await seen(page, 'alice')).events.length > 0 && (await seen(page, 'alice')).events, 'the event');
  const { prev, ...rest } = events[0];
  assert.equal(typeof prev, 'number');
  assert.deepEqual(rest, { type: 'message.new', timestamp: '2026-11-22T01:02:03.456Z', topic: 'conv:welcome', seq, payload, ...payload });
  await leave(page, 'alice');
  assert.deepEqual((await seen(page, 'alice')).states, ['connecting', 'connected', 'disconnected']);
});

inPage('in a page an on-demand topic brings what others do, and they hear what we do', async (page) => {
  const topic = 'conv_ondemand:welcome';
  for (const name of ['alice', 'bob']) {
    await agent(page, name, name);
    await connect(page, name);
    await page.evaluate(([name, topic]) => globalThis[name].socket.subscribe([topic]), [name, topic]);
    await until(async () => (await seen(page, name)).acks.length, 'the ack');
  }
  assert.deepEqual((await seen(page, 'alice')).acks, [{ topics: [topic], errors: [] }]);
  await page.evaluate(() => alice.socket.sendActivity('welcome', 'tool_calling'));
  await until(async () => (await seen(page, 'bob')).events.length > 0, "alice's status");
  await page.evaluate(() => alice.socket.sendActivity('welcome', 'idle'));
  await until(async () => (await seen(page, 'bob')).events.length > 1, 'its end');
  assert.deepEqual((await seen(page, 'bob')).events.map(({ userId, status }) => [userId, status]), [
    ['alice', 'tool_calling'],
    ['alice', 'idle'],
  ]);
  for (const name of ['alice', 'bob']) await leave(page, name);
});

inPage('in a page every event comes once and in order over kills of the gateway', async (page) => {
  await gateway.grant('carol', 'conv:kills');
  await gateway.grant('frank', 'chat:kills');
  await agent(page, 'carol', 'carol', { reconnectDelay: 50 });
  await connect(page, 'carol');
  const options = { url: gateway.url, tokenProvider: gateway.token('frank', ['--kind', 'human']) };
  await page.evaluate(async (options) => {
    globalThis.frank = await scenario.chat(bowline, options, 'kills', { reconnectDelay: 50, maxReconnectAttempts: 0 });
  }, options);
  const isOpen = () => page.evaluate(() => frank.socket.isOpen);
  await until(isOpen, 'the chat opens');
  const streams = [stream(gateway, 'conv:kills', 300), stream(gateway, 'chat:kills', 100)];
  for (let kill = 0; kill < 3; kill++) {
    const before = await heard(page, 'carol');
    await until(async () => (await heard(page, 'carol')) > before + 100 && (await isOpen()), 'events flow');
    await gateway.kill();
    await until(() => page.evaluate(() => carol.socket.getState() !== 'connected'), 'the loss is noticed');
    await gateway.restart();
  }
  const [toAgent, toChat] = await Promise.all(streams.map((stream) => stream.stop()));
  await until(async () => (await heard(page, 'carol')) >= toAgent && (await heard(page, 'frank')) >= toChat, 'the last event');
  await leave(page, 'carol');
  await page.evaluate(() => (frank.client.websocket.closeAll(), frank.client.websocket.closed()));
  const [ofAgent, ofChat] = [await seen(page, 'carol'), await seen(page, 'frank')];
  assert.equal(fault(ofAgent.numbers, toAgent), undefined);
  assert.equal(fault(ofChat.numbers, toChat), undefined);
  assert.deepEqual(ofAgent.gaps, []);
  assert.equal(ofAgent.states.filter((state) => state === 'connected').length, 4, ofAgent.states.join());
  assert.ok(ofChat.reconnecting.length >= 3);
});

inPage(`in a page handovers every 2 s under 500 events a second for ${SECONDS} s: every event once, in order, no state change`, async (page) => {
  await gateway.grant('dave', 'conv:handover');
  await agent(page, 'dave', 'dave', { proactiveReconnectMs: 2000 });
  await connect(page, 'dave');
  const before = await gateway.metric('bowline_links_accepted_total');
  const publisher = stream(gateway, 'conv:handover', 500);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const count = await publisher.stop();
  await until(async () => (await heard(page, 'dave')) >= count, 'the last event');
  const moves = (await gateway.metric('bowline_links_accepted_total')) - before;
  await leave(page, 'dave');
  const { numbers, states, gaps, errors } = await seen(page, 'dave');
  assert.equal(fault(numbers, count), undefined);
  assert.deepEqual([states, gaps, errors], [['connecting', 'connected', 'disconnected'], [], []]);
  assert.ok(count > SECONDS * 400, `${count} events`);
  assert.ok(moves >= Math.floor(SECONDS / 2) - 1 && moves <= SECONDS / 2 + 1, `${moves} handovers`);
  console.log(`chromium: ${count} events over ${moves} handovers in ${SECONDS} s`);
});

inPage('in a page a thousand sockets opened and closed leave no memory, timer or socket behind', async (page) => {
  const options = { url: `${gateway.socketUrl}/agent`, tokenProvider: gateway.token('erin', ['--kind', 'human']) };
  const cycles = (times) =>
    page.evaluate(async ([options, times]) => void (globalThis.alive = await scenario.cycles(bowline, options, times, 5)), [options, times]);
  await cycles(100);
  const [first, core] = [await heapOf(page), await page.evaluate(() => coreBytes())];
  await cycles(1000);
  await until(async () => (await gateway.metric('bowline_sockets')) === 0, 'the gateway counts no socket');
  const last = await heapOf(page);
  // A leak would leave all of them.
  const alive = await page.evaluate(() => globalThis.alive());
  assert.ok(alive < 10, `${alive} sockets are still in memory`);
  assert.equal(await page.evaluate(() => coreBytes()), core);
  const each = (last - first) / 1000;
  assert.ok(each < 1000, `${each} bytes a socket`);
  console.log(`chromium: ${each.toFixed(0)} bytes a socket after 1,000; ${(last / 1e6).toFixed(1)} MB in use, the core ${core / 1024} KiB`);
});

// Pages that forbid what the default entry needs.

const policy = () => `default-src 'none'; script-src 'self'; connect-src ${gateway.socketUrl} ${gateway.url}`;

test('a page that forbids WebAssembly runs the entry without it, and the default entry says what to do', async () => {
  for (const entry of ['/dist/purejs.js', '/dist/index.js']) {
    const server = await pages({ entry, policy: policy() });
    const page = await open(browser, server.url);
    try {
      await agent(page, 'alice', 'alice');
      const failure = await page.evaluate(() => alice.socket.connect().then(() => undefined, (error) => error.message));
      if (entry === '/dist/purejs.js') {
        assert.equal(failure, undefined);
        const before = await heard(page, 'alice');
        await gateway.publish(Array.from({ length: 50 }, (_, n) => ({ topic: 'conv:welcome', type: 'count', payload: { n } })));
        await until(async () => (await heard(page, 'alice')) === before + 50, 'the events');
        assert.equal(fault((await seen(page, 'alice')).numbers, 50), undefined);
        await leave(page, 'alice');
        assert.deepEqual((await page.evaluate(() => census())).errors, []);
      } else {
        assert.match(failure, /bowline\/purejs/);
      }
    } finally {
      await page.context().close();
      await server.close();
    }
  }
});
