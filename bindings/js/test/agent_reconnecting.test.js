// What follows a lost connection: exact pauses, what is restored, what is told.

import assert from 'node:assert/strict';
import { connected, EPOCH, outcome, scripted, settle, steps } from './support/scripted.js';

/** Fails every attempt for so long; the times of the attempts. */
async function attempts(server, clock, count) {
  const start = server.sockets.length;
  const fail = () => server.open.forEach((peer) => peer.readyState === 0 && peer.drop());
  await clock.advance(0);
  fail();
  while (server.sockets.length < start + count) {
    await clock.advance(100);
    fail();
  }
  return server.sockets.slice(start).map(({ openedAt }) => openedAt);
}

scripted('it waits exactly 1, 2, 4 up to 30 s', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  await clock.advance(60_000);
  const lost = clock.now;
  peer.drop();
  const times = await attempts(server, clock, 8);
  assert.deepEqual(steps([lost, ...times]), [1, 2, 4, 8, 16, 30, 30, 30]);
});

scripted('the first attempt of a connect fails into the same pauses', async ({ agent, server, clock }) => {
  const done = agent().connect();
  const times = await attempts(server, clock, 4);
  assert.deepEqual(steps(times), [1, 2, 4]);
  assert.equal(await outcome(done), 'pending');
  done.catch(() => {});
});

scripted('a socket that reports its failure by an error alone counts as failed', async ({ agent, server, clock }) => {
  const done = agent().connect();
  const peer = await server.next();
  peer.onerror(null);
  await clock.advance(1_000);
  (await server.next()).acceptPlain();
  await done;
});

scripted('an error of an open socket is told by the close that follows', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onError((error) => told.push(error.message));
  const peer = await connected(socket, server);
  peer.onerror({ message: 'reset' });
  assert.equal(socket.getState(), 'connected');
  peer.drop(4000);
  assert.deepEqual(told, ['closed with 4000; attempt 1 follows in 1000 ms']);
  await clock.advance(0);
});

scripted('a socket that throws when it is written to has broken, and its close follows', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  peer.send = () => {
    throw new Error('InvalidStateError');
  };
  socket.subscribe(['conv_ondemand:a']);
  socket.sendActivity('c', 'typing');
  assert.equal(socket.getState(), 'connected');
  peer.drop();
  await clock.advance(1_000);
  const next = (await server.next()).acceptPlain();
  assert.deepEqual(next.take().map(({ action }) => action), ['subscribe', 'activity']);
});

scripted('a connection that held 10 s starts the backoff over and a shorter one does not', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  peer.drop();
  let times = await attempts(server, clock, 2);
  await clock.advance(4_000);
  let next = server.sockets.at(-1).acceptPlain();
  await clock.advance(9_000);
  let lost = clock.now;
  next.drop();
  times = await attempts(server, clock, 1);
  assert.deepEqual(steps([lost, ...times]), [8]);
  await clock.advance(16_000);
  next = server.sockets.at(-1).acceptPlain();
  await clock.advance(10_000);
  lost = clock.now;
  next.drop();
  times = await attempts(server, clock, 1);
  assert.deepEqual(steps([lost, ...times]), [1]);
});

scripted('jitter is an option', async ({ agent, server, clock }) => {
  agent({ jitter: true }).connect().catch(() => {});
  const pauses = steps(await attempts(server, clock, 8));
  const exact = [1, 2, 4, 8, 16, 30, 30];
  // An attempt fails here up to 100 ms after it began, and only then its pause begins.
  assert(pauses.every((pause, n) => pause <= exact[n] + 0.1), pauses.join());
  assert.notDeepEqual(pauses, exact);
});

scripted('base and limit of attempts can be chosen', async ({ agent, server, clock }) => {
  const socket = agent({ reconnectDelay: 500, maxReconnectAttempts: 3 });
  const told = [];
  socket.onError((error) => told.push(error.code));
  const failed = assert.rejects(socket.connect(), (error) => error.code === 'ATTEMPTS_EXHAUSTED' && /3 attempts/.test(error.message));
  const times = await attempts(server, clock, 4);
  assert.deepEqual(steps(times), [0.5, 1, 2]);
  await failed;
  assert.equal(told.at(-1), 'ENDED');
});

scripted('disconnect does not trigger it', async ({ agent, server, clock }) => {
  const socket = agent();
  await connected(socket, server);
  socket.disconnect();
  await clock.advance(3_600_000);
  assert.equal(server.sockets.length, 1);
});

scripted('the return of the network ends the wait', async ({ agent, server, clock }) => {
  const socket = agent();
  (await connected(socket, server)).drop();
  await clock.advance(100);
  socket.networkReturned();
  (await server.next()).acceptPlain();
  assert.equal(socket.getState(), 'connected');
});

scripted('topics and the latest status are back after a reconnect', async ({ agent, server, clock }) => {
  const socket = agent();
  let peer = await connected(socket, server);
  socket.subscribe(['conv_ondemand:conv-123']);
  socket.sendActivity('conv-123', 'typing');
  peer.drop();
  await settle();
  socket.sendActivity('conv-123', 'thinking');
  await clock.advance(1_000);
  peer = (await server.next()).acceptPlain();
  assert.deepEqual(peer.take(), [
    { action: 'subscribe', topics: ['conv_ondemand:conv-123'] },
    { action: 'activity', conversationId: 'conv-123', status: 'thinking' },
  ]);
});

scripted('nothing is lost or doubled over a reconnect and over disconnect and connect', async ({ agent, server, clock }) => {
  const socket = agent();
  const seqs = [];
  socket.on('message.new', (event) => seqs.push(event.seq));
  let peer = await connected(socket, server, (peer) => peer.accept({ seq: 10 }));
  peer.event(1, { seq: 11, prev: 10 });
  peer.event(1, { seq: 11, prev: 10 });
  peer.drop();
  await clock.advance(1_000);
  peer = (await server.next()).open();
  assert.match(peer.url, /\?token=t0ken&resume=1$/);
  assert.deepEqual(peer.take(), [{ action: 'resume', sessionId: 'session-1', epoch: EPOCH, seq: 11, topics: [] }]);
  peer.accept({ seq: 11, resumed: true });
  peer.event(2, { seq: 12, prev: 11 });
  // What is handed out counts, not what has arrived.
  socket.on('message.new', (event) => event.seq === 13 && socket.disconnect());
  peer.event(3, { seq: 13, prev: 12 });
  peer.event(4, { seq: 14, prev: 13 });
  assert.equal(socket.position.seq, 13);
  const done = socket.connect();
  peer = (await server.next()).open();
  assert.equal(peer.take()[0].seq, 13);
  peer.accept({ seq: 13, resumed: true });
  peer.event(4, { seq: 14, prev: 13 });
  await done;
  assert.deepEqual(seqs, [11, 12, 13, 14]);
});

scripted('a saved position is gone on from by another socket', async ({ agent, server }) => {
  const first = agent();
  const peer = await connected(first, server, (peer) => peer.accept({ seq: 10 }));
  peer.event(1, { seq: 11, prev: 10 });
  const position = JSON.parse(JSON.stringify(first.position));
  first.disconnect();
  const second = agent({ resumeFrom: position });
  assert.deepEqual(second.position, position);
  const done = second.connect();
  const next = (await server.next()).open();
  assert.deepEqual(next.take(), [{ action: 'resume', sessionId: 'session-1', epoch: EPOCH, seq: 11, topics: [] }]);
  next.accept({ seq: 11, resumed: true });
  await done;
});

scripted('what is no position is refused, because it would be taken for the oldest one', async ({ agent }) => {
  for (const resumeFrom of [{ epoch: EPOCH, seq: '11' }, { epoch: 'x', seq: 11 }, { seq: 11 }, { epoch: EPOCH }, { epoch: EPOCH, seq: -1 }, 'text', 7]) {
    assert.throws(() => agent({ resumeFrom }), (error) => error.code === 'INVALID_OPTION' && /position/.test(error.message), JSON.stringify(resumeFrom));
  }
  for (const resumeFrom of [undefined, null, { seq: 0 }, { epoch: EPOCH, seq: 0 }, { epoch: EPOCH.toUpperCase(), seq: 2 ** 53 - 1, sessionId: 's' }]) agent({ resumeFrom });
});

scripted('a server that gives positions and cannot resume has none to go on from', async ({ agent, server }) => {
  const socket = agent();
  const seqs = [];
  socket.on('message.new', (event) => seqs.push(event.seq));
  const peer = await connected(socket, server, (peer) => peer.accept({ seq: 10, features: [] }));
  peer.event(1, { seq: 11, prev: 10 });
  assert.deepEqual([seqs, socket.position], [[11], undefined]);
  socket.disconnect();
  assert.equal((await connected(socket, server)).url, 'wss://gateway.example?token=t0ken');
});

scripted('what cannot be had is told with its topic and range', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onGap((gap) => told.push(gap));
  socket.on('message.new', (event) => told.push(event.seq));
  let peer = await connected(socket, server, (peer) => peer.accept({ seq: 10 }));
  peer.event(1, { seq: 11, prev: 10 });
  peer.drop();
  await clock.advance(1_000);
  peer = (await server.next()).open();
  peer.accept({ seq: 11, resumed: true, gaps: [{ topic: 'conv:c1', after: 11, before: 40, reason: 'retention' }] });
  peer.event(2, { seq: 40, prev: 39 });
  assert.deepEqual(told, [11, { topic: 'conv:c1', after: 11, before: 40, reason: 'retention' }, 40]);
});

scripted('a server that goes on elsewhere and does not say what was lost is told of', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onError((error) => told.push([error.code, error.message]));
  let peer = await connected(socket, server, (peer) => peer.accept({ seq: 10 }));
  peer.event(1, { seq: 11, prev: 10 });
  peer.drop();
  await clock.advance(1_000);
  peer = (await server.next()).open();
  peer.accept({ seq: 50, resumed: false });
  assert.deepEqual(told[1], ['SKIPPED', 'events behind 11 may be missing: the server could not go on there']);
  assert.equal(socket.getState(), 'connected');
});

scripted('what is no frame is told and costs a plain connection nothing', async ({ agent, server }) => {
  const socket = agent();
  const told = [];
  socket.onError((error) => told.push([error.code, error.message]));
  const peer = await connected(socket, server);
  peer.say('{');
  peer.onmessage({ data: new ArrayBuffer(1) });
  peer.onmessage(null);
  const binary = ['TROUBLE', 'a frame was not understood: a message that is no text'];
  assert.deepEqual(told, [['TROUBLE', 'a frame was not understood: not JSON'], binary, binary]);
  assert.equal(socket.getState(), 'connected');
});

scripted('a plain server is pinged every 5 min and an announced heartbeat is kept', async ({ agent, server, clock }) => {
  const plain = agent();
  let peer = await connected(plain, server);
  const pings = [];
  for (let second = 0; second < 1_000; second++) {
    await clock.advance(1_000);
    if (peer.takeAll('ping').length > 0) {
      pings.push(clock.now);
      peer.say({ action: 'pong' });
    }
  }
  assert.deepEqual(steps([0, ...pings]), [300, 300, 300]);
  assert.deepEqual(peer.sent, []);
  plain.disconnect();

  const gateway = agent();
  peer = await connected(gateway, server, (peer) => peer.accept());
  await clock.advance(15_000);
  assert.deepEqual(peer.sent, ['{"action":"ping"}']);
});

scripted('a connection that only looks alive is left', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onError((error) => told.push(error.message));
  const peer = await connected(socket, server, (peer) => peer.accept());
  await clock.advance(60_000);
  assert(peer.isOver);
  assert.match(told[0], /nothing was heard any more/);
});

scripted('waking from three hours of sleep it reconnects at once', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server, (peer) => peer.accept());
  peer.isPolite = false;
  clock.sleep(3 * 3_600_000);
  await clock.advance(5_000);
  assert.deepEqual(peer.takeAll('ping').length, 1, 'it is asked whether it is there');
  await clock.advance(5_000);
  assert.equal(server.sockets.length, 1);
  await clock.advance(1_000);
  (await server.next()).accept({ seq: 0, resumed: true });
  assert.equal(socket.getState(), 'connected');
  peer.drop();
});

scripted('what was received while the program was held up counts before the deadline that it missed', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server, (peer) => peer.accept());
  await clock.advance(15_000);
  assert.equal(peer.takeAll('ping').length, 1);
  // The answer has come, but the event loop fires the overdue timer first.
  setTimeout(() => peer.say({ action: 'pong', seq: 0 }), 6_000);
  clock.hold(60_000);
  await clock.advance(0);
  await clock.advance(1_000);
  assert(!peer.isOver);
  assert.equal(socket.getState(), 'connected');
});
