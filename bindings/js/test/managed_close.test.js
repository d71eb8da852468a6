// The end of managed sockets, and what they send.

import assert from 'node:assert/strict';
import { CommandError } from '../dist/index.js';
import { opened, outcome, scripted, settle } from './support/scripted.js';
import { Office } from './support/server.js';

scripted('close is graceful and no reconnect follows', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onMessage.subscribe(() => told.push('message'));
  socket.close();
  assert.equal(socket.state, 'closing');
  assert.equal(peer.closedWith, 1000);
  peer.readyState = 1;
  peer.event(1);
  peer.readyState = 2;
  await socket.closed();
  assert.equal(socket.state, 'closed');
  assert.deepEqual(told, []);
  await clock.advance(600_000);
  assert.equal(server.sockets.length, 1);
  socket.close();
  assert.equal(clock.timers, 0);
});

scripted('destroy closes and removes all listeners', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  for (const name of ['onMessage', 'onStateChange', 'onReconnecting', 'onError', 'onGap']) socket[name].subscribe(() => told.push(name));
  socket.destroy();
  for (const name of ['onMessage', 'onStateChange', 'onReconnecting', 'onError', 'onGap']) assert.equal(socket[name].listenerCount, 0);
  await socket.closed();
  assert.equal(peer.closedWith, 1000);
  assert.deepEqual(told, []);
  socket.onStateChange.subscribe(() => told.push('late'));
  socket.destroy();
  assert.deepEqual(told, []);
});

scripted('closeAll closes everything that was opened and the count says so', async ({ client, server }) => {
  const sockets = client();
  assert.equal(sockets.connectionCount, 0);
  const [one] = await opened(sockets, server);
  const [two] = await opened(sockets, server);
  const [three] = await opened(sockets, server);
  assert.equal(sockets.connectionCount, 3);
  three.close();
  await three.closed();
  assert.equal(sockets.connectionCount, 2);
  sockets.closeAll();
  assert.deepEqual([one.state, two.state, sockets.connectionCount], ['closing', 'closing', 0], 'what is closing counts no more');
  await sockets.closed();
  assert.deepEqual([one.state, two.state, sockets.connectionCount], ['closed', 'closed', 0]);
});

scripted('close in the middle of anything leaves no timer and no dial', async ({ client, server, office, clock }) => {
  const sockets = client();
  const moments = [
    // The ticket.
    async () => office.answers.push(Office.silence),
    // The dial.
    async () => {},
    // The wait for the acceptance.
    async (peer) => peer().open(),
    // Open.
    async (peer) => peer().acceptPlain(),
    // The backoff.
    async (peer) => peer().drop(),
    // The next attempt.
    async (peer) => {
      peer().drop();
      await clock.advance(1_000);
    },
  ];
  for (const [n, moment] of moments.entries()) {
    const before = server.sockets.length;
    if (n === 0) await moment();
    const opening = sockets.connectToChat('t');
    opening.catch(() => {});
    await settle();
    if (n > 0) await moment(() => server.sockets[before]);
    sockets.closeAll();
    await clock.advance(5_000);
    assert.equal(clock.timers, 0, `moment ${n}`);
    assert.equal(server.open.length, 0, `moment ${n}`);
    assert.equal(office.waiting, 0, `moment ${n}`);
    assert.equal(sockets.connectionCount, 0, `moment ${n}`);
  }
});

scripted('close in the middle of a handover ends both links', async ({ client, server, clock }) => {
  const [socket, first] = await opened(client(), server, { proactiveReconnectMs: 60_000 });
  await clock.advance(60_000);
  const second = (await server.next()).open();
  socket.close();
  await settle();
  assert(first.isOver && second.isOver);
});

scripted('a server that does not answer the close is left after 5 seconds', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server);
  peer.isPolite = false;
  socket.close();
  const closed = socket.closed();
  await clock.advance(4_999);
  assert.equal(await outcome(closed), 'pending');
  await clock.advance(1);
  await closed;
  assert.equal(socket.state, 'closed');
  assert(server.isDeserted);
  peer.drop();
});

scripted('what is sent while reconnecting waits in order and a full queue says so', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server, { maxQueuedMessages: 3 });
  socket.send('{"n":0}');
  assert.deepEqual(peer.take(), [{ n: 0 }]);
  peer.drop();
  await settle();
  for (const n of [1, 2, 3]) socket.send(JSON.stringify({ n }));
  assert.throws(() => socket.send('{"n":4}'), (error) => error instanceof CommandError && error.code === 'OUTBOX_FULL');
  await clock.advance(1_000);
  const next = (await server.next()).acceptPlain();
  assert.deepEqual(next.take(), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  socket.send('{"n":5}');
  assert.deepEqual(next.take(), [{ n: 5 }]);
  socket.close();
  assert.throws(() => socket.send('x'), { code: 'CLOSED' });
  await socket.closed();
  assert.throws(() => socket.send('x'), { code: 'CLOSED' });
});

scripted('what was refused does not count among what waits', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server, { maxQueuedMessages: 1, maxQueuedBytes: 1_000 });
  peer.drop();
  await settle();
  socket.send('{"n":1}');
  for (let n = 0; n < 10; n++) assert.throws(() => socket.send('x'.repeat(900)), { code: 'OUTBOX_FULL' });
  await clock.advance(1_000);
  const next = (await server.next()).acceptPlain();
  socket.send('{"n":2}');
  assert.deepEqual(next.take(), [{ n: 1 }, { n: 2 }]);
});

scripted('a platform socket that does not take what is sent fills the queue too', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server, { maxQueuedBytes: 1_000 });
  socket.send('x'.repeat(600));
  peer.bufferedAmount = 600;
  socket.send('x'.repeat(600));
  peer.bufferedAmount = 1_200;
  assert.throws(() => socket.send('x'), (error) => error.code === 'OUTBOX_FULL' && /1200 bytes wait/.test(error.message));
  peer.bufferedAmount = 0;
  socket.send('x');
  assert.equal(peer.sent.length, 3);
});

scripted('where nothing may wait a link that takes everything is still written to', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server, { maxQueuedBytes: 0, maxQueuedMessages: 0 });
  socket.send('{"n":1}');
  socket.send('{"n":2}');
  assert.equal(peer.sent.length, 2);
  peer.drop();
  await settle();
  assert.throws(() => socket.send('{"n":3}'), { code: 'OUTBOX_FULL' });
});

scripted('what a handler sends in one breath is bounded', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server, { maxQueuedBytes: 1_000 });
  let refused;
  socket.onMessage.subscribe(() => {
    for (let n = 0; n < 1_000 && !refused; n++) {
      try {
        socket.send('x'.repeat(100));
      } catch (error) {
        refused = error;
      }
    }
  });
  peer.event(1);
  assert.equal(refused?.code, 'OUTBOX_FULL');
  assert.equal(peer.sent.length, 11);
});

scripted('only texts are sent', async ({ client, server }) => {
  const [socket] = await opened(client(), server);
  assert.throws(() => socket.send({ n: 1 }), (error) => error instanceof TypeError && /JSON.stringify/.test(error.message));
});

scripted('the debug trace shows states and frames and no secret', async ({ client, server, clock }) => {
  const lines = [];
  const [socket, peer] = await opened(client({ tokenProvider: 's3cret' }), server, { debug: (line) => lines.push(line) }, (peer) =>
    peer.accept({ seq: 1, sessionId: 's3cret', connectionId: 's3cret' }),
  );
  peer.event('s3cret', { seq: 2, prev: 1 });
  peer.say({ action: 'own', text: 's3cret' });
  socket.send('{"text":"s3cret"}');
  peer.drop(4000);
  await clock.advance(1_000);
  const next = (await server.next()).open();
  next.say('s3cret');
  next.accept({ seq: 2, resumed: true });
  socket.close();
  await settle();
  const trace = lines.join('\n');
  for (const expected of [
    '[bowline /chats/thread-1 +0.000s] state: connecting',
    'dialling gateway.example/chats/thread-1',
    '<- accepted',
    'state: open',
    '<- message.new conv:c1 seq 2',
    '-> a message (17 characters)',
    '<- close 4000',
    'state: reconnecting',
    '+1.000s] reconnect attempt 1',
    '-> resume',
    'state: closed',
  ]) {
    assert(trace.includes(expected), `${expected} is not in\n${trace}`);
  }
  assert.doesNotMatch(trace, /s3cret|ticket-/);
});

scripted('debug: true writes to the console', async ({ client, server, clock }) => {
  const lines = [];
  const { debug } = console;
  console.debug = (line) => lines.push(line);
  try {
    const [socket] = await opened(client(), server, { debug: true });
    socket.close();
    await clock.advance(0);
  } finally {
    console.debug = debug;
  }
  assert.match(lines[0], /state: connecting/);
  assert.match(lines.at(-1), /state: closed/);
});

scripted('a trace that throws is reported and stops nobody', async ({ client, server, clock }) => {
  const reported = new Set();
  globalThis.reportError = (error) => reported.add(error.message);
  const debug = () => {
    throw new Error('of a trace');
  };
  try {
    const [socket, peer] = await opened(client(), server, { debug });
    const told = [];
    socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).payload.n));
    peer.event(1);
    socket.send('{"n":1}');
    assert.deepEqual(peer.take(), [{ n: 1 }]);
    peer.drop();
    await clock.advance(1_000);
    (await server.next()).acceptPlain().event(2);
    assert.deepEqual(told, [1, 2]);
    assert.equal(socket.state, 'open');
    socket.close();
    await socket.closed();
  } finally {
    delete globalThis.reportError;
  }
  assert.deepEqual([...reported], ['of a trace']);
});
