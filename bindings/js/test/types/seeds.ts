// Both documents as TypeScript that must compile, with one import changed and nothing else; and what must not compile.

import { AgentSocket, Bowline, ConnectionRejectedError, NewioWebSocket } from 'bowline';
import type { AgentState, ChatWebSocket, Gap, MessageNewEvent, SocketError, TokenProvider, WebSocketLike, WebSocketState } from 'bowline';
import { AgentSocket as PureAgentSocket } from 'bowline/purejs';
import WebSocket from 'ws';

declare const auth: { tokenProvider: () => Promise<string> };
declare const thread: { id: string };
declare function setConnectionBadge(state: 'connecting' | 'open' | 'closing' | 'closed' | 'reconnecting'): void;
declare function handleUpdate(event: MessageEvent): void;

// The first document.

export async function first(client: Bowline, workspaceId: string, transcriptId: string): Promise<void> {
  const socket = await client.websocket.connectToChat(thread.id);
  const unsubscribe = socket.onMessage.subscribe((event) => {
    const payload = JSON.parse(event.data);
    void payload;
  });
  unsubscribe();
  socket.close();

  const transcript = await client.websocket.connectToTranscript(workspaceId, transcriptId);
  transcript.onMessage.subscribe(handleUpdate);

  socket.onStateChange.subscribe((state) => {
    setConnectionBadge(state);
  });
  socket.onReconnecting.subscribe((attempt) => {
    console.warn(`reconnect attempt ${attempt}`);
  });
  socket.onError.subscribe((err) => console.error(err));
  console.log(socket.state, socket.isOpen);

  const tuned: ChatWebSocket = await client.websocket.connectToChat(thread.id, {
    reconnectDelay: 1000, // base backoff (ms)
    maxReconnectAttempts: 10, // 0 = retry forever
    debug: true,
  });
  tuned.destroy();
  client.websocket.closeAll();
  console.log(client.websocket.connectionCount);
  const other = await client.websocket.connect('/notifications', {}, 'notifications');
  const state: WebSocketState = other.state;
  const ticket: string = (await client.websocket.getTicket('/notifications')).ticket;
  void [state, ticket];
}

// The second document.

export async function second(): Promise<void> {
  const ws = new NewioWebSocket({
    url: 'wss://ws.newio.app',
    tokenProvider: auth.tokenProvider,
    proactiveReconnectMs: 110 * 60 * 1000, // 1h50m (default)
    wsFactory: (url) => new WebSocket(url) as unknown as WebSocketLike,
  });
  await ws.connect();
  ws.on('message.new', (event: MessageNewEvent) => {
    console.log(`[${event.conversationId}] ${event.senderId}: ${event.content.text}`);
  });
  ws.on('message.updated', (event) => console.log(`Message ${event.messageId} edited`));
  const handler = (event: MessageNewEvent) => void event;
  ws.on('message.new', handler);
  ws.off('message.new', handler);
  ws.onStateChange((state) => {
    const known: 'connecting' | 'connected' | 'disconnected' = state;
    console.log(`WebSocket: ${known}`);
  });
  const current: AgentState = ws.getState();
  void current;
  ws.subscribe(['conv_ondemand:conv-123']);
  ws.unsubscribe(['conv_ondemand:conv-123']);
  ws.setOnSubscribeAck((ack) => {
    console.log('Subscribed:', ack.topics);
  });
  ws.sendActivity('conv-123', 'thinking');
  ws.setOnConnectionRejected((reason) => {
    console.error('Connection rejected:', reason);
  });
  ws.disconnect();
}

// Beyond them.

export async function beyond(signal: AbortSignal): Promise<void> {
  for (const tokenProvider of ['t', Promise.resolve('t'), () => 't', async () => 't'] satisfies TokenProvider[]) {
    // A socket of Node needs no cast.
    await using socket = new AgentSocket({ url: 'wss://h', tokenProvider, wsFactory: (url) => new WebSocket(url) });
    await socket.connect({ signal }).catch((error: unknown) => {
      if (error instanceof ConnectionRejectedError) console.error(error.reason satisfies string);
    });
    socket.on('deploy.finished', (event) => event['build'] satisfies unknown, { signal });
    for await (const event of socket.events('message.new', { limit: 10 })) event.content satisfies object;
    for await (const event of socket) event.type satisfies string;
    socket.onGap((gap: Gap) => gap.before);
    socket.onError((error: SocketError) => error.code === 'ENDED');
  }
  using other = new PureAgentSocket({ url: new URL('wss://h') });
  // A browser's own class fits too.
  new AgentSocket({ url: 'wss://h', wsFactory: (url) => new globalThis.WebSocket(url) });
  void other;
}

export function refused(ws: AgentSocket, client: Bowline): void {
  // @ts-expect-error: a URL is needed
  new AgentSocket({});
  // @ts-expect-error: no such member
  ws.on('message.new', (event) => event.nothing);
  // @ts-expect-error: topics are a list
  ws.subscribe('conv_ondemand:c');
  // @ts-expect-error: milliseconds are a number
  void client.websocket.connectToChat('t', { reconnectDelay: '1000' });
  // @ts-expect-error: sockets are opened by a client
  client.websocket = undefined;
}
