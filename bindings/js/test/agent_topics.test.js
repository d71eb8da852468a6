// On-demand topics and the activity of this account.

import assert from 'node:assert/strict';
import { CommandError } from '../dist/index.js';
import { connected, scripted, settle } from './support/scripted.js';

scripted('a subscribe is sent and its ack lists the topics', async ({ agent, server }) => {
  const socket = agent();
  const acks = [];
  socket.setOnSubscribeAck((ack) => acks.push('+', ...ack.topics));
  socket.setOnUnsubscribeAck((ack) => acks.push('-', ...ack.topics));
  const peer = await connected(socket, server);
  socket.subscribe(['conv_ondemand:conv-123']);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:conv-123'] }]);
  peer.say({ action: 'subscribe_ack', subscribed: ['conv_ondemand:conv-123'], errors: [] });
  socket.unsubscribe(['conv_ondemand:conv-123']);
  assert.deepEqual(peer.take(), [{ action: 'unsubscribe', topics: ['conv_ondemand:conv-123'] }]);
  peer.say({ action: 'unsubscribe_ack', unsubscribed: ['conv_ondemand:conv-123'] });
  assert.deepEqual(acks, ['+', 'conv_ondemand:conv-123', '-', 'conv_ondemand:conv-123']);
});

scripted('one handler takes the ack: the last one that was set', async ({ agent, server }) => {
  const socket = agent();
  const told = [];
  socket.setOnSubscribeAck(() => told.push('first'));
  socket.setOnSubscribeAck(() => told.push('second'));
  const peer = await connected(socket, server);
  for (const topic of ['conv_ondemand:a', 'conv_ondemand:b']) {
    socket.subscribe([topic]);
    peer.say({ action: 'subscribe_ack', subscribed: [topic], errors: [] });
    socket.setOnSubscribeAck(null);
  }
  assert.deepEqual(told, ['second']);
});

scripted('refused topics are told and those refused for good are wanted no more', async ({ agent, server, clock }) => {
  const socket = agent();
  const refused = [];
  socket.setOnSubscribeAck((ack) => refused.push(...ack.errors.map(({ topic, code }) => `${topic} ${code}`)));
  let peer = await connected(socket, server);
  socket.subscribe(['conv_ondemand:a', 'conv_ondemand:b']);
  peer.take();
  const errors = [
    { topic: 'conv_ondemand:a', code: 'FORBIDDEN' },
    { topic: 'conv_ondemand:b', code: 'LIMIT_EXCEEDED' },
  ];
  peer.say({ action: 'subscribe_ack', subscribed: [], errors });
  assert.deepEqual(refused, ['conv_ondemand:a FORBIDDEN', 'conv_ondemand:b LIMIT_EXCEEDED']);
  peer.drop();
  await clock.advance(1_000);
  peer = (await server.next()).acceptPlain();
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:b'] }]);
  socket.disconnect();
  peer = await connected(socket, server);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:b'] }]);
});

scripted('topics are remembered while offline and over disconnect', async ({ agent, server, clock }) => {
  const socket = agent();
  socket.subscribe(['conv_ondemand:a', 'conv_ondemand:b']);
  socket.unsubscribe(['conv_ondemand:a']);
  let peer = await connected(socket, server);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:b'] }]);
  socket.disconnect();
  socket.subscribe(['conv_ondemand:c']);
  peer = await connected(socket, server);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:b', 'conv_ondemand:c'] }]);
  peer.drop();
  await settle();
  socket.unsubscribe(['conv_ondemand:b']);
  await clock.advance(1_000);
  peer = (await server.next()).acceptPlain();
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:c'] }]);
});

scripted('what is no topic or too many is refused and changes nothing', async ({ agent, server }) => {
  const socket = agent();
  const many = (prefix, count) => Array.from({ length: count }, (_, n) => `${prefix}:${n}`);
  const refuses = (topics, code) => assert.throws(() => socket.subscribe(topics), (error) => error instanceof CommandError && error.code === code);
  refuses(['conv_ondemand:ok', 'no topic'], 'INVALID_TOPIC');
  refuses(many('conv_ondemand', 1_001), 'TOO_MANY_SUBSCRIPTIONS');
  refuses(many('conv', 101), 'TOO_MANY_SUBSCRIPTIONS');
  const peer = await connected(socket, server);
  refuses(['no topic'], 'INVALID_TOPIC');
  refuses(many('conv_ondemand', 1_001), 'TOO_MANY_SUBSCRIPTIONS');
  assert.deepEqual(peer.take(), []);
});

scripted('an application that subscribes again whenever it is connected does no harm', async ({ agent, server, clock }) => {
  const socket = agent();
  socket.onStateChange((state) => state === 'connected' && socket.subscribe(['conv_ondemand:a']));
  let peer = await connected(socket, server);
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:a'] }]);
  peer.drop();
  await clock.advance(1_000);
  peer = (await server.next()).acceptPlain();
  assert.deepEqual(peer.take(), [{ action: 'subscribe', topics: ['conv_ondemand:a'] }]);
});

const status = (status, conversationId = 'conv-123') => ({ action: 'activity', conversationId, status });

scripted('a status is sent at once and the same one within 3 s is not', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  socket.sendActivity('conv-123', 'thinking');
  assert.deepEqual(peer.take(), [status('thinking')]);
  await clock.advance(2_900);
  socket.sendActivity('conv-123', 'thinking');
  assert.deepEqual(peer.take(), [], 'suppressed');
  socket.sendActivity('conv-123', 'tool_calling');
  socket.sendActivity('conv-456', 'tool_calling');
  assert.deepEqual(peer.take(), [status('tool_calling'), status('tool_calling', 'conv-456')], 'others are not');
  await clock.advance(3_000);
  socket.sendActivity('conv-123', 'tool_calling');
  assert.deepEqual(peer.take(), [status('tool_calling')], '3 s have passed');
});

scripted('an active status is repeated every 5 s until idle', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  socket.sendActivity('conv-123', 'typing');
  assert.deepEqual(peer.take(), [status('typing')]);
  for (let n = 0; n < 4; n++) {
    await clock.advance(4_999);
    assert.deepEqual(peer.take(), []);
    await clock.advance(1);
    assert.deepEqual(peer.take(), [status('typing')]);
  }
  socket.sendActivity('conv-123', 'idle');
  assert.deepEqual(peer.take(), [status('idle')], 'at once');
  socket.sendActivity('conv-123', 'idle');
  await clock.advance(60_000);
  assert.deepEqual(peer.take(), [], 'idle is not repeated, and not sent where nothing was active');
});

scripted('statuses end with disconnect and need a connection that is wanted', async ({ agent, server, clock }) => {
  const socket = agent();
  const refuses = () => assert.throws(() => socket.sendActivity('c', 'typing'), { name: 'CommandError', code: 'CLOSED' });
  refuses();
  await connected(socket, server);
  socket.sendActivity('c', 'typing');
  socket.disconnect();
  refuses();
  // There is nothing to end, so that is no error.
  socket.sendActivity('c', 'idle');
  const peer = await connected(socket, server);
  await clock.advance(60_000);
  assert.deepEqual(peer.take(), []);
});
