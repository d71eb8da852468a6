// The compiled core itself fails: out of memory, or a fault of ours. Its connections end, and a new one works. And what it holds
// of a connection is given back.

import assert from 'node:assert/strict';
import { AgentSocket } from '../dist/index.js';
import { connected, opened, scripted, settle } from './support/scripted.js';

const { Instance } = WebAssembly;
let isBroken = false;
let cores = 0;

// Exports are frozen, so an object with the same functions stands in for them.
WebAssembly.Instance = class {
  constructor(module) {
    const real = new Instance(module).exports;
    this.exports = {
      ...real,
      core_new: (...args) => (cores++, real.core_new(...args)),
      core_free: (...args) => (cores--, real.core_free(...args)),
    };
    for (const name of ['core_call', 'core_event']) {
      this.exports[name] = (...args) => {
        if (isBroken) throw new WebAssembly.RuntimeError('unreachable');
        return real[name](...args);
      };
    }
  }
};

scripted('a core that fails ends every connection that it drives, and a new one works', async ({ agent, server, clock }) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.code);
  try {
    const told = [];
    const sockets = [agent(), agent()];
    const peers = [];
    for (const socket of sockets) {
      socket.onStateChange((state) => told.push(state));
      socket.onError((error) => told.push(error.code));
      peers.push(await connected(socket, server));
    }
    told.length = 0;
    isBroken = true;
    peers[0].event(1);
    isBroken = false;
    assert.deepEqual(told, ['disconnected', 'ENDED']);
    assert.equal(peers[0].closedWith, 1000);
    // The other one shares the core, and notices with its next call.
    peers[1].event(1);
    assert.deepEqual(told, ['disconnected', 'ENDED', 'disconnected', 'ENDED']);
    await settle();
    assert.deepEqual([clock.timers, server.open.length], [0, 0]);
    assert.deepEqual(reported, ['CORE', 'CORE']);
    await connected(sockets[0], server);
    assert.equal(sockets[0].getState(), 'connected');
    sockets[0].disconnect();
    await settle();
    // Who disconnects before that next call does so all the same.
    const [third, fourth] = [agent(), agent()];
    const own = await connected(third, server, (peer) => peer.accept({ seq: 1 }));
    own.event(1, { seq: 2, prev: 1 });
    const last = await connected(fourth, server);
    isBroken = true;
    last.event(1);
    isBroken = false;
    assert.equal(third.position.seq, 2);
    third.disconnect();
    assert.deepEqual([third.getState(), third.position.seq, own.closedWith], ['disconnected', 2, 1000]);
    await connected(third, server, (peer) => peer.accept({ seq: 2, resumed: true }));
    assert.equal(third.getState(), 'connected');
    assert(sockets[0] instanceof AgentSocket);
  } finally {
    delete globalThis.reportError;
  }
});

scripted('a connection that is over has given its core back, without waiting for the garbage collector', async ({ agent, client, server }) => {
  const before = cores;
  const socket = agent();
  await connected(socket, server);
  assert.equal(cores, before + 1);
  socket.disconnect();
  await socket.closed();
  assert.equal(cores, before);
  socket.subscribe(['conv_ondemand:a']);
  socket.dispose();
  assert.equal(cores, before, 'also one that never connected');
  const [other] = await opened(client(), server);
  other.close();
  await other.closed();
  assert.equal(cores, before);
});

scripted('a core that fails within a handler of another connection ends that one too, at once', async ({ agent, server, clock }) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.code);
  try {
    const [one, other] = [agent(), agent()];
    const told = [];
    one.onError((error) => told.push(error.code));
    const peer = await connected(one, server);
    const peerOfOther = await connected(other, server);
    one.setOnSubscribeAck(() => {
      isBroken = true;
      peerOfOther.event(1);
      isBroken = false;
    });
    peer.say({ action: 'subscribe_ack', subscribed: ['conv_ondemand:a'], errors: [] });
    assert.deepEqual([other.getState(), one.getState(), told], ['disconnected', 'disconnected', ['ENDED']]);
    assert.deepEqual([clock.timers, reported], [0, ['CORE', 'CORE']]);
  } finally {
    delete globalThis.reportError;
  }
});
