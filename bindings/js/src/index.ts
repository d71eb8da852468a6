/// <reference lib="esnext.disposable" preserve="true" />
// The entry `bowline`.

export { AgentSocket, AgentSocket as NewioWebSocket } from './agent.js';
export type { AgentEvent, AgentSocketOptions, ConnectOptions } from './agent.js';
export { CommandError, CoreError } from './core.js';
export type { RefusalCode as CommandErrorCode, SavedPosition } from './core.js';
export type { DialOptions, TokenProvider, WebSocketLike } from './dialer.js';
export type { Emitter, Handler, ListenOptions, Stream, StreamOptions } from './emitter.js';
export * from './errors.js';
export type * from './events.js';
export type { Gap, GapReason, RawEvent } from './frames.js';
export { Bowline } from './managed.js';
export type { BowlineOptions, Sockets } from './managed.js';
export type { PauseOptions } from './options.js';
export type { ManagedOptions, ManagedSocket, ManagedSocket as ChatWebSocket, SocketMessage } from './socket.js';
export type { Ticket } from './tickets.js';
