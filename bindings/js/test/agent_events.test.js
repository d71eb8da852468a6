// Which event reaches which handler, and what it is given.

import assert from 'node:assert/strict';
import { connected, scripted } from './support/scripted.js';

const contact = { userId: 'u1', contactId: 'u2', status: 'pending', requesterId: 'u2', friendAccountType: 'human', createdAt: 't', updatedAt: 't' };
const ids = { userId: 'u1', contactId: 'u2', friendName: 'Bo' };

/** One payload of each type, and what its handler reads of it. */
const TWENTY = [
  [
    'message.new',
    { conversationId: 'c1', messageId: 'm1', senderId: 'u1', senderDisplayName: 'Una', conversationType: 'dm', content: { text: 'hi' }, sequenceNumber: 7, createdAt: 't' },
    (e) => `[${e.conversationId}] ${e.senderId}: ${e.content.text}`,
    '[c1] u1: hi',
  ],
  ['message.updated', { conversationId: 'c1', messageId: 'm1', senderId: 'u1', content: {}, updatedAt: 't' }, (e) => e.messageId, 'm1'],
  ['message.deleted', { conversationId: 'c1', messageId: 'm1', senderId: 'u1', deletedAt: 't' }, (e) => e.messageId, 'm1'],
  ['conversation.new', { conversationId: 'c1', type: 'group', createdBy: 'u1' }, (e) => `${e.conversationId} by ${e.createdBy}, ${e.payload.type}`, 'c1 by u1, group'],
  ['conversation.updated', { conversationId: 'c1', updatedBy: 'u1', changes: { name: 'N' } }, (e) => e.changes.name, 'N'],
  [
    'conversation.member_added',
    { conversationId: 'c1', addedBy: 'u1', members: [{ userId: 'u3', role: 'member', accountType: 'agent', joinedAt: 't' }] },
    (e) => e.members[0].userId,
    'u3',
  ],
  ['conversation.member_removed', { conversationId: 'c1', removedBy: 'u1', targetUserId: 'u3' }, (e) => e.targetUserId, 'u3'],
  ['conversation.member_updated', { conversationId: 'c1', userId: 'u3', changes: { role: 'admin' } }, (e) => `${e.userId} ${e.changes.role}`, 'u3 admin'],
  ['contact.request_received', { contact }, (e) => e.contact.requesterId, 'u2'],
  ['contact.request_accepted', { contact }, (e) => e.contact.contactId, 'u2'],
  ['contact.request_rejected', ids, (e) => `${e.userId} ${e.contactId}`, 'u1 u2'],
  ['contact.request_revoked', ids, (e) => `${e.userId} ${e.contactId}`, 'u1 u2'],
  ['contact.removed', ids, (e) => `${e.userId} ${e.contactId}`, 'u1 u2'],
  ['contact.request_pending_approval', { agentId: 'a', requesterId: 'u2' }, (e) => `${e.agentId} ${e.requesterId}`, 'a u2'],
  ['contact.friend_name_updated', ids, (e) => e.friendName, 'Bo'],
  ['block.created', { userId: 'u1', blockedUserId: 'u2' }, (e) => e.blockedUserId, 'u2'],
  ['block.removed', { userId: 'u1', unblockedUserId: 'u2' }, (e) => e.unblockedUserId, 'u2'],
  ['user.profile_updated', { userId: 'u2', displayName: 'Zoe' }, (e) => `${e.userId} ${e.displayName}`, 'u2 Zoe'],
  ['agent.settings_updated', { agentId: 'a', settings: { hideFromOwnerProfile: true } }, (e) => `${e.agentId} ${e.settings.hideFromOwnerProfile}`, 'a true'],
  ['activity.status', { conversationId: 'c1', userId: 'u2', status: 'typing' }, (e) => `${e.userId} ${e.status}`, 'u2 typing'],
];

scripted('each of the twenty types reaches its handler with flat fields', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  for (const [type, , read] of TWENTY) socket.on(type, (event) => heard.push(`${event.type} ${read(event)}`));
  const peer = await connected(socket, server);
  for (const [type, payload] of TWENTY) peer.say({ type, timestamp: '2026-11-22T01:02:03.456Z', payload });
  assert.deepEqual(heard, TWENTY.map(([type, , , expected]) => `${type} ${expected}`));
  assert.equal(TWENTY.length, 20);
});

scripted('the envelope stands beside the fields', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  socket.on('message.new', (event) => heard.push(event));
  const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
  const envelope = { type: 'message.new', timestamp: 't', topic: 'conv:c1', seq: 2, prev: 1 };
  for (const name of [...Object.keys(envelope), 'payload']) {
    const payload = { conversationId: 'c1', [name]: 'of the payload' };
    peer.say({ ...envelope, payload });
    assert.deepEqual(heard.pop(), { ...envelope, conversationId: 'c1', payload }, name);
    envelope.prev = envelope.seq++;
  }
  // What the envelope has not is not the payload's either.
  peer.say({ type: 'message.new', payload: { n: 1, timestamp: 'x', seq: 7 } });
  assert.deepEqual(heard.pop(), { type: 'message.new', n: 1, payload: { n: 1, timestamp: 'x', seq: 7 } });
});

scripted('a handler that comes late for its type hears the next one', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  socket.on('*', () => {});
  const peer = await connected(socket, server);
  peer.event(1);
  socket.on('message.new', (event) => heard.push(event.n));
  peer.event(2);
  peer.say({ type: 'message.deleted', payload: {} });
  peer.event(3);
  assert.deepEqual(heard, [2, 3]);
});

scripted('off removes one handler and leaves the others', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  const one = () => heard.push('one');
  const two = () => heard.push('two');
  socket.on('message.new', one);
  const leave = socket.on('message.new', two);
  const peer = await connected(socket, server);
  peer.event(1);
  socket.off('message.new', one);
  socket.off('message.new', one);
  socket.off('message.updated', two);
  peer.event(2);
  leave();
  peer.event(3);
  assert.deepEqual(heard, ['one', 'two', 'two']);
});

scripted('a handler is there once for a type however often it is added', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  const handler = (event) => heard.push(event.n);
  socket.on('message.new', handler);
  socket.on('message.new', handler);
  const peer = await connected(socket, server);
  peer.event(1);
  socket.off('message.new', handler);
  peer.event(2);
  socket.on('message.new', handler);
  peer.event(3);
  assert.deepEqual(heard, [1, 3]);
});

scripted('an unknown type is delivered as well and the star hears everything', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  socket.on('deploy.finished', (event) => heard.push(`own ${event.build}`));
  socket.on('*', (event) => heard.push(`any ${event.type}`));
  const peer = await connected(socket, server);
  peer.say({ type: 'deploy.finished', payload: { build: 7 } });
  peer.event(1);
  peer.say({ action: 'something.new', type: 'x' });
  assert.deepEqual(heard, ['own 7', 'any deploy.finished', 'any message.new']);
});

scripted('an event whose type is a star comes once', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  socket.on('*', (event) => heard.push(event.payload));
  const peer = await connected(socket, server);
  peer.event(0);
  peer.say({ type: '*', payload: 1 });
  assert.deepEqual(heard, [{ n: 0 }, 1]);
});

scripted('a payload of any shape is handed on', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  socket.on('x', (event) => heard.push(event));
  const peer = await connected(socket, server);
  for (const payload of [null, 'text', 7, [1, 2], { __proto__: null, a: 1 }]) peer.say({ type: 'x', payload });
  peer.say({ type: 'x' });
  peer.say('{"type":"x","payload":{"__proto__":{"polluted":true}}}');
  assert.deepEqual(
    heard.slice(0, 4),
    [null, 'text', 7, [1, 2]].map((payload) => ({ type: 'x', payload })),
  );
  assert.equal(heard[4].a, 1);
  assert.equal('payload' in heard[5], false);
  assert.equal(heard[6].polluted, undefined);
  assert.equal({}.polluted, undefined);
});

scripted('a signal of a handler unsubscribes it', async ({ agent, server }) => {
  const socket = agent();
  const heard = [];
  const stop = new AbortController();
  socket.on('message.new', (event) => heard.push(event.n), { signal: stop.signal });
  socket.onStateChange((state) => heard.push(state), { signal: AbortSignal.abort() });
  const peer = await connected(socket, server);
  peer.event(1);
  stop.abort();
  peer.event(2);
  assert.deepEqual(heard, [1]);
  const handler = (event) => heard.push(event.n);
  const again = new AbortController();
  socket.on('message.new', handler, { signal: again.signal });
  again.abort();
  socket.on('message.new', handler);
  peer.event(3);
  assert.deepEqual(heard, [1, 3], 'and it may be added again');
});

scripted('an exception of any handler is reported and stops nobody', async ({ agent, server, clock }) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  const fails = (what) => () => {
    throw new Error(what);
  };
  try {
    const socket = agent();
    const heard = [];
    socket.on('message.new', fails('event'));
    socket.on('*', fails('star'));
    socket.onStateChange(fails('state'));
    socket.onGap(fails('gap'));
    socket.onError(fails('error'));
    socket.setOnSubscribeAck(fails('ack'));
    socket.setOnUnsubscribeAck(fails('unack'));
    socket.setOnConnectionRejected(fails('rejected'));
    socket.on('message.new', (event) => heard.push(event.n));
    const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
    peer.event(2, { seq: 2, prev: 1 });
    peer.say({ action: 'gap', topic: 'conv:c1', after: 2, before: 5, reason: 'retention' });
    peer.say({ action: 'subscribe_ack', subscribed: ['conv_ondemand:a'], errors: [] });
    peer.say({ action: 'unsubscribe_ack', unsubscribed: ['conv_ondemand:a'] });
    peer.event(5, { seq: 5, prev: 4 });
    peer.drop();
    await clock.advance(1_000);
    const next = (await server.next()).open();
    next.say({ action: 'connection.rejected', reason: 'X' });
    next.drop(4503);
    assert.deepEqual(heard, [2, 5]);
    assert.equal(socket.getState(), 'disconnected');
  } finally {
    delete globalThis.reportError;
  }
  const once = ['state', 'state', 'event', 'star', 'gap', 'ack', 'unack', 'event', 'star', 'state', 'error', 'state', 'state', 'rejected', 'error'];
  assert.deepEqual(reported, once);
});

scripted('a handler of any kind may disconnect', async ({ agent, server, clock }) => {
  const moments = {
    on: (socket, leave) => socket.on('message.new', leave),
    onGap: (socket, leave) => socket.onGap(leave),
    onError: (socket, leave) => socket.onError(leave),
    setOnSubscribeAck: (socket, leave) => socket.setOnSubscribeAck(leave),
    setOnUnsubscribeAck: (socket, leave) => socket.setOnUnsubscribeAck(leave),
  };
  for (const [name, listen] of Object.entries(moments)) {
    const socket = agent();
    let calls = 0;
    listen(socket, () => {
      calls++;
      socket.disconnect();
    });
    const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
    if (name === 'on') peer.event(2, { seq: 2, prev: 1 });
    if (name === 'onGap') peer.say({ action: 'gap', topic: 'conv:c1', after: 2, before: 5, reason: 'retention' });
    if (name === 'onError') peer.drop();
    if (name === 'setOnSubscribeAck') peer.say({ action: 'subscribe_ack', subscribed: ['conv_ondemand:a'], errors: [] });
    if (name === 'setOnUnsubscribeAck') peer.say({ action: 'unsubscribe_ack', unsubscribed: ['conv_ondemand:a'] });
    assert.deepEqual([calls, socket.getState()], [1, 'disconnected'], name);
    await clock.advance(60_000);
    assert.deepEqual([calls, server.open.length, server.waiting, clock.timers], [1, 0, 0, 0], name);
  }
});

scripted('what is no handler is refused', async ({ agent }) => {
  assert.throws(() => agent().on('message.new', undefined), TypeError);
});
