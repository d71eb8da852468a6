// `using` and `await using`, on platforms that know their symbols and on those that do not.

import assert from 'node:assert/strict';
import { connected, opened, scripted, settle } from './support/scripted.js';

scripted('an agent is disposed of with its handlers', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onStateChange((state) => told.push(state));
  const peer = await connected(socket, server);
  socket[Symbol.dispose]();
  assert.equal(peer.closedWith, 1000);
  assert.equal(socket.getState(), 'disconnected');
  assert.deepEqual(told, ['connecting', 'connected', 'disconnected']);
  await clock.advance(0);
});

scripted('an agent is disposed of and its end awaited', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  await socket[Symbol.asyncDispose]();
  assert(peer.isOver);
  assert.equal(clock.timers, 0);
});

scripted('a managed socket, a client and an iterator are disposed of', async ({ client, server }) => {
  const sockets = client();
  const [socket] = await opened(sockets, server);
  const messages = socket.onMessage.stream();
  await messages[Symbol.asyncDispose]();
  assert.equal(socket.onMessage.listenerCount, 0);
  await socket[Symbol.asyncDispose]();
  assert.equal(socket.state, 'closed');
  const [other] = await opened(sockets, server);
  other[Symbol.dispose]();
  await settle();
  assert.equal(sockets.connectionCount, 0);
});

scripted('a platform without the symbols has no odd members', async ({ agent, server }) => {
  const symbols = [Symbol.dispose, Symbol.asyncDispose];
  const saved = symbols.map((_, n) => Object.getOwnPropertyDescriptor(Symbol, n ? 'asyncDispose' : 'dispose'));
  // Node defines them so that they cannot be removed: then there is nothing to show here.
  if (saved.some((descriptor) => descriptor && !descriptor.configurable)) {
    const socket = agent();
    assert.equal('undefined' in socket, false);
    return;
  }
  delete Symbol.dispose;
  delete Symbol.asyncDispose;
  try {
    const socket = agent();
    assert.equal('undefined' in socket, false);
    await connected(socket, server);
  } finally {
    Object.defineProperty(Symbol, 'dispose', saved[0]);
    Object.defineProperty(Symbol, 'asyncDispose', saved[1]);
  }
});
