// The planned move to a fresh connection: when, how, and what an application notices of it, which is nothing.

import assert from 'node:assert/strict';
import { connected, scripted, settle } from './support/scripted.js';

const MINUTE = 60_000;

/** The states that are told from now on. */
function statesOf(socket) {
  const states = [];
  socket.onStateChange((state) => states.push(state));
  return states;
}

scripted('by default it moves at exactly 110 min, again and again', async ({ agent, server, clock }) => {
  let peer = await connected(agent(), server);
  for (let n = 0; n < 3; n++) {
    const accepted = clock.now;
    await clock.advance(110 * MINUTE - 1);
    assert.equal(server.waiting, 0);
    await clock.advance(1);
    const next = await server.next();
    assert.equal(next.openedAt - accepted, 110 * MINUTE);
    next.acceptPlain();
    await settle();
    assert.equal(peer.closedWith, 1000);
    peer = next;
  }
});

scripted('the interval can be chosen, and 0 means never', async ({ agent, server, clock }) => {
  const socket = agent({ proactiveReconnectMs: 7 * MINUTE });
  await connected(socket, server);
  await clock.advance(7 * MINUTE - 1);
  assert.equal(server.waiting, 0);
  await clock.advance(1);
  (await server.next()).acceptPlain();
  socket.disconnect();
  const peer = await connected(agent({ proactiveReconnectMs: 0 }), server);
  for (let n = 0; n < 300; n++) {
    await clock.advance(MINUTE);
    peer.say({ action: 'pong' });
  }
  assert.equal(server.waiting, 0);
});

scripted('the new connection is accepted before the old one is closed, and no state changes', async ({ agent, server, clock }) => {
  const socket = agent();
  const states = statesOf(socket);
  const old = await connected(socket, server);
  await clock.advance(110 * MINUTE);
  const next = (await server.next()).open();
  await clock.advance(14_000);
  assert.equal(old.closedWith, undefined);
  assert.equal(server.open.length, 2, 'both are up until the new one is accepted');
  next.say({ action: 'connection.accepted' });
  assert.equal(old.closedWith, 1000);
  await settle();
  assert.equal(server.open.length, 1);
  assert.deepEqual(states, ['connecting', 'connected']);
});

scripted('the old connection is kept when the new one is refused, silent or dead', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onError((error) => told.push(error.code));
  const states = statesOf(socket);
  const old = await connected(socket, server);
  await clock.advance(110 * MINUTE);
  const dead = await server.next();
  dead.drop();
  while (server.waiting === 0) await clock.advance(500);
  const silent = (await server.next()).open();
  const opened = clock.now;
  while (!silent.closedWith) await clock.advance(500);
  assert.equal(clock.now - opened, 15_000);
  while (server.waiting === 0) await clock.advance(500);
  assert(clock.now - dead.openedAt < MINUTE, 'it is tried again soon');
  const refused = (await server.next()).open();
  refused.say({ action: 'connection.rejected', reason: 'CONNECTION_LIMIT_EXCEEDED' });
  refused.drop(4503);
  await settle();
  assert.equal(old.closedWith, undefined);
  while (server.waiting === 0) await clock.advance(500);
  (await server.next()).acceptPlain();
  await settle();
  assert.equal(old.closedWith, 1000);
  assert.deepEqual(states, ['connecting', 'connected']);
  assert.deepEqual(told, ['HANDOVER_FAILED', 'HANDOVER_FAILED', 'HANDOVER_FAILED']);
});

scripted('on-demand topics survive 20 moves and are live before the old connection goes', async ({ agent, server, clock }) => {
  const socket = agent();
  const topics = ['conv_ondemand:c1', 'conv_ondemand:c2'];
  let acks = 0;
  socket.setOnSubscribeAck(() => acks++);
  socket.subscribe(topics);
  let peer = await connected(socket, server);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics }]);
  peer.say({ action: 'subscribe_ack', subscribed: topics, errors: [] });
  for (let move = 0; move < 20; move++) {
    await clock.advance(110 * MINUTE);
    const next = (await server.next()).acceptPlain();
    assert.deepEqual(next.takeAll('subscribe'), [{ action: 'subscribe', topics }], `move ${move}`);
    assert.equal(peer.closedWith, undefined, `move ${move}: the topics are not live on the new connection yet`);
    next.say({ action: 'subscribe_ack', subscribed: topics, errors: [] });
    assert.equal(peer.closedWith, 1000, `move ${move}`);
    peer = next;
  }
  assert.equal(acks, 1, 'the application subscribed once');
});

scripted('on a gateway that resumes both connections bring the same event and it is told once', async ({ agent, server, clock }) => {
  const socket = agent({ proactiveReconnectMs: MINUTE });
  const states = statesOf(socket);
  const seqs = [];
  socket.on('*', (event) => seqs.push(event.seq));
  socket.subscribe(['conv_ondemand:c1']);
  let peer = await connected(socket, server, (peer) => peer.accept({ seq: 10 }));
  peer.say({ action: 'subscribe_ack', subscribed: ['conv_ondemand:c1'], errors: [] });
  for (let n = 0; n < 20; n++) {
    while (server.waiting === 0) {
      await clock.advance(5_000);
      peer.say({ action: 'pong' });
    }
    const next = (await server.next()).open();
    assert.deepEqual(next.take()[0].topics, ['conv_ondemand:c1']);
    next.accept({ seq: 10 + n, resumed: true });
    peer.event(n, { seq: 11 + n, prev: 10 + n });
    next.event(n, { seq: 11 + n, prev: 10 + n });
    await settle();
    assert(peer.isOver);
    peer = next;
  }
  assert.deepEqual(seqs, Array.from({ length: 20 }, (_, n) => 11 + n));
  assert.deepEqual(states, ['connecting', 'connected']);
});

scripted('on a plain server identical frames of the overlap are told once', async ({ agent, server, clock }) => {
  const socket = agent();
  const heard = [];
  socket.on('*', (event) => heard.push(event.n));
  const old = await connected(socket, server);
  old.isPolite = false;
  // Before the overlap equal frames are two events.
  old.event(1);
  old.event(1);
  await clock.advance(110 * MINUTE);
  const next = (await server.next()).open();
  old.event(2);
  next.say({ action: 'connection.accepted' });
  next.event(2);
  next.event(3);
  next.event(3);
  assert.deepEqual(heard, [1, 1, 2, 3, 3]);
  old.drop(1000);
});

scripted('frames in flight on the old connection are still told', async ({ agent, server, clock }) => {
  const socket = agent();
  const heard = [];
  socket.on('*', (event) => heard.push(event.n));
  const old = await connected(socket, server);
  old.isPolite = false;
  await clock.advance(110 * MINUTE);
  (await server.next()).acceptPlain();
  assert.equal(old.closedWith, 1000);
  // Sockets that are closing still hand over what came before the peer's close, where the platform lets them.
  old.readyState = 1;
  old.event(7);
  assert.deepEqual(heard, [7]);
  old.drop(1000);
});

scripted('a gateway that drains is left in the slot that it gave', async ({ agent, server, clock }) => {
  const socket = agent();
  const states = statesOf(socket);
  const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
  peer.say({ action: 'connection.draining', reason: 'shutdown', slotMs: 12_000, deadlineMs: 60_000 });
  await clock.advance(11_999);
  assert.equal(server.waiting, 0);
  await clock.advance(1);
  (await server.next()).open().accept({ seq: 1, resumed: true });
  await settle();
  assert(peer.isOver);
  assert.deepEqual(states, ['connecting', 'connected']);
});
