// What the package needs of a platform, and what it says where something is missing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { AgentSocket, Bowline } from '../dist/index.js';

const entry = new URL('../dist/index.js', import.meta.url).href;

/** Runs a program of its own; its output. */
const run = (source, ...flags) =>
  execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', source], { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) });

test('without a global WebSocket the error says what to pass', async () => {
  const saved = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  delete globalThis.WebSocket;
  const socket = new AgentSocket({ url: 'ws://127.0.0.1:1', tokenProvider: 't' });
  await assert.rejects(socket.connect(), (error) => error.code === 'UNREACHABLE' && /wsFactory: \(url\) => new WebSocket\(url\)/.test(error.message));
  const client = new Bowline({ url: 'ws://127.0.0.1:1' });
  await assert.rejects(client.websocket.connectToChat('t'), /wsFactory/);
  if (saved) Object.defineProperty(globalThis, 'WebSocket', saved);
});

test('the global WebSocket is taken where there is one, when it is needed', async () => {
  const urls = [];
  const saved = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't' });
  globalThis.WebSocket = class {
    readyState = 0;
    constructor(url) {
      urls.push(url);
    }
    close() {}
  };
  try {
    const done = assert.rejects(socket.connect(), { code: 'CLOSED' });
    await new Promise(setImmediate);
    assert.deepEqual(urls, ['wss://h?token=t']);
    socket.disconnect();
    await done;
  } finally {
    if (saved) Object.defineProperty(globalThis, 'WebSocket', saved);
    else delete globalThis.WebSocket;
  }
});

test('a URL that the platform refuses ends it, and the credential is not shown', async () => {
  const wsFactory = (url) => {
    throw new SyntaxError(`Failed to construct 'WebSocket': The URL '${url}' is invalid.`);
  };
  const socket = new AgentSocket({ url: 'wss://h?access_token=s3cret', tokenProvider: 's3cret', wsFactory });
  await assert.rejects(socket.connect(), (error) => error.code === 'UNREACHABLE' && /invalid/.test(error.message) && !/s3cret/.test(error.message));
});

test('a factory that fails for good or gives no socket ends it and says so', async () => {
  for (const [wsFactory, words] of [
    [() => new (class {}.missing)(), /not a constructor/],
    [() => undefined, /wsFactory.*socket/],
    // A promise would be waited for in vain, again and again.
    [async () => ({ readyState: 0, close() {} }), /wsFactory.*socket/],
  ]) {
    const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory });
    await assert.rejects(socket.connect(), (error) => error.code === 'UNREACHABLE' && words.test(error.message), String(wsFactory));
  }
});

test('a socket of Node tells the status of a refused upgrade', async () => {
  for (const [status, code] of [
    [401, 'UNAUTHORIZED'],
    [403, 'UNREACHABLE'],
    [404, 'UNREACHABLE'],
  ]) {
    const wsFactory = () => {
      const socket = { readyState: 0, close() {} };
      setImmediate(() => socket.onerror({ message: `Unexpected server response: ${status}` }));
      return socket;
    };
    await assert.rejects(new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory }).connect(), { code });
  }
});

test('a socket of Node that is given up in its handshake raises no error', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const socket = new AgentSocket({ url: `ws://127.0.0.1:${silent.address().port}`, wsFactory: (url) => new WebSocket(url) });
  const failed = assert.rejects(socket.connect(), { code: 'CLOSED' });
  const [link] = await once(silent, 'connection');
  socket.disconnect();
  await failed;
  await socket.closed();
  // An error of the socket that nobody listens to would fail this test.
  if (!link.destroyed) await once(link.resume(), 'close');
  silent.close();
});

test('the import has no side effect and new works at once', () => {
  const source = `
    const before = Object.getOwnPropertyNames(globalThis).length;
    let compiled = 0;
    const { Module } = WebAssembly;
    WebAssembly.Module = class extends Module { constructor(bytes) { super(bytes); compiled++; } };
    const { AgentSocket, Bowline } = await import(${JSON.stringify(entry)});
    const atImport = compiled;
    new Bowline({ url: 'https://h' });
    const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory: () => ({ readyState: 0, close() {} }) });
    const atNew = compiled;
    socket.connect().catch(() => {});
    socket.disconnect();
    socket.connect().catch(() => {});
    socket.disconnect();
    console.log(JSON.stringify([atImport, atNew, compiled, Object.getOwnPropertyNames(globalThis).length - before, process.getActiveResourcesInfo().filter((what) => what === 'Timeout')]));
  `;
  assert.deepEqual(JSON.parse(run(source)), [0, 0, 1, 0, []]);
});

test('where WebAssembly is forbidden the error says what to import', () => {
  const source = `
    WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('refused'); } };
    const { AgentSocket, Bowline } = await import(${JSON.stringify(entry)});
    const [one, two] = [new AgentSocket({ url: 'wss://h' }).connect(), new Bowline({ url: 'wss://h' }).websocket.connectToChat('t')];
    for (const failed of [one, two]) await failed.catch((error) => console.log(error.code, error.message, error.cause.message));
  `;
  const said = "CORE WebAssembly cannot be compiled here: import 'bowline/purejs' instead of 'bowline' refused";
  assert.deepEqual(run(source).trim().split('\n'), [said, said]);
});

test('a factory that closes the connection leaves no socket', async () => {
  for (const credential of ['token', 'ticket']) {
    const peer = { readyState: 0, isClosed: false, close: () => (peer.isClosed = true) };
    const wsFactory = () => (socket.disconnect(), peer);
    const fetch = async () => new Response('{"ticket":"x"}');
    const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', credential, wsFactory, fetch });
    await assert.rejects(socket.connect(), { code: 'CLOSED' });
    await socket.closed();
    assert(peer.isClosed && !peer.onopen && !peer.onmessage && !peer.onclose, credential);
  }
});

test('a position that was given is not written to', async () => {
  const { FakeSocket, EPOCH } = await import('./support/server.js');
  const resumeFrom = Object.freeze({ epoch: EPOCH, seq: 5 });
  let peer;
  const socket = new AgentSocket({ url: 'wss://h', resumeFrom, wsFactory: (url) => (peer = new FakeSocket(url)) });
  const done = socket.connect();
  await new Promise(setImmediate);
  peer.accept({ seq: 5, resumed: true });
  await done;
  const before = socket.position;
  peer.event(1, { seq: 6, prev: 5 });
  assert.deepEqual([before.seq, socket.position.seq, resumeFrom.seq], [5, 6, 5]);
  socket.disconnect();
  await socket.closed();
});

test('it runs where code may not be made from text', () => {
  const source = `
    const { AgentSocket } = await import(${JSON.stringify(entry)});
    const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory: () => ({ readyState: 0, close() {} }) });
    socket.connect().catch((error) => console.log(error.code));
    socket.disconnect();
  `;
  assert.equal(run(source, '--disallow-code-generation-from-strings').trim(), 'CLOSED');
});

test('a program with an open connection lives and one without ends', () => {
  const source = `
    const { AgentSocket } = await import(${JSON.stringify(entry)});
    const peer = { readyState: 0, close() { setImmediate(() => peer.onclose?.(null)); }, send() {} };
    const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory: () => peer });
    const done = socket.connect();
    setTimeout(() => { peer.readyState = 1; peer.onopen(null); peer.onmessage({ data: '{"action":"connection.accepted"}' }); }, 10).unref();
    await done;
    setTimeout(() => { console.log('alive'); socket.disconnect(); }, 50).unref();
  `;
  assert.equal(run(source).trim(), 'alive');
});
