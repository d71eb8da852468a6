// Signals on `connect()`: at each of its awaits, and what they leave alone.

import assert from 'node:assert/strict';
import { connected, outcome, scripted, settle } from './support/scripted.js';

/** Aborts a connect that stands somewhere; nothing may be left. */
async function abortsAt({ agent, server, clock }, options, stand) {
  const socket = agent(options);
  const stop = new AbortController();
  const failed = assert.rejects(socket.connect({ signal: stop.signal }), /given up/);
  await settle();
  await stand(server);
  stop.abort(new Error('given up'));
  await failed;
  assert.equal(socket.getState(), 'disconnected');
  await clock.advance(5_000);
  assert.equal(clock.timers, 0);
  assert.equal(server.open.length, 0);
}

scripted('an abort while the token is awaited ends the attempt', (world) =>
  abortsAt(world, { tokenProvider: () => new Promise(() => {}) }, () => {}));

scripted('an abort while it dials ends the attempt', (world) => abortsAt(world, {}, () => {}));

scripted('an abort while the acceptance is awaited ends the attempt', (world) =>
  abortsAt(world, {}, (server) => server.sockets[0].open()));

scripted('an abort between attempts ends them', (world) => abortsAt(world, {}, (server) => server.sockets[0].drop()));

scripted('an abort while a ticket is bought ends the attempt', (world) => {
  let waiting = 0;
  const fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      waiting++;
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  return abortsAt(world, { credential: 'ticket', fetch }, () => assert.equal(waiting, 1));
});

scripted('a signal that has aborted starts nothing', async ({ agent, server }) => {
  const socket = agent();
  await assert.rejects(socket.connect({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(socket.getState(), 'disconnected');
  await settle();
  assert.equal(server.sockets.length, 0);
});

scripted('an attempt that another call waits for goes on', async ({ agent, server }) => {
  const socket = agent();
  const stop = new AbortController();
  const one = outcome(socket.connect({ signal: stop.signal }));
  const two = socket.connect();
  stop.abort();
  assert.equal((await one).error?.name ?? 'AbortError', 'AbortError');
  (await server.next()).acceptPlain();
  await two;
  assert.equal(socket.getState(), 'connected');
});

scripted('once connected the signal means nothing', async ({ agent, server }) => {
  const socket = agent();
  const stop = new AbortController();
  const done = socket.connect({ signal: stop.signal });
  const peer = (await server.next()).acceptPlain();
  await done;
  stop.abort();
  await settle();
  assert.equal(socket.getState(), 'connected');
  // A later call that is given up does not end what is wanted already.
  peer.drop();
  await settle();
  const again = new AbortController();
  const failed = assert.rejects(socket.connect({ signal: again.signal }));
  again.abort();
  await failed;
  (await server.next()).acceptPlain();
  assert.equal(socket.getState(), 'connected');
});

scripted('after a disconnect an abort ends the new attempt, whatever was before', async (world) => {
  const { agent, server } = world;
  const socket = agent();
  await connected(socket, server);
  socket.disconnect();
  await abortsAt({ ...world, agent: () => socket }, {}, () => server.sockets[1].open());
});

scripted('a signal that lives long keeps no listeners', async ({ agent, client, server }) => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args) => (listeners++, add(...args));
  signal.removeEventListener = (...args) => (listeners--, remove(...args));
  const socket = agent();
  for (let n = 0; n < 3; n++) {
    const done = socket.connect({ signal });
    (await server.next()).acceptPlain();
    await done;
    socket.on('message.new', () => {}, { signal })();
    await socket.events({ signal }).return();
    socket.disconnect();
    const managed = client().connectToChat('t', { signal });
    const other = (await server.next()).acceptPlain();
    assert.equal((await managed).state, 'open');
    other.drop();
    (await managed).close();
  }
  assert.equal(listeners, 0);
});
