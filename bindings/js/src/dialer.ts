// How an attempt gets its credential and its socket.
//
// A browser sets no headers: what proves who connects goes in the URL, as a token or as a ticket that the token has bought. So
// no URL is ever shown but by its host and path.

import { BowlineError, TicketError } from './errors.js';
import { buy, messageOf } from './tickets.js';

/**
 * Gives the access token: a text, a promise of one, or a function that gives either and is asked for every attempt. What a
 * function throws is tried again with backoff, unless the error says `refused: true` ({@link TokenError}).
 */
export type TokenProvider = string | PromiseLike<string> | (() => string | PromiseLike<string>);

/** What is needed of a socket. Handlers may be called with `null`. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Who opens sockets and buys tickets, and who connects. */
export interface DialOptions {
  /** Asked for every attempt. Default: nobody, the server wants no credential. */
  tokenProvider?: TokenProvider | undefined;
  /**
   * Opens a socket. Default: the platform's `WebSocket`. Node before 22 has none:
   * `(url) => new WebSocket(url)` with `import WebSocket from 'ws'`.
   */
  wsFactory?: ((url: string) => WebSocketLike) | undefined;
  /** Buys tickets. Default: the platform's `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * What the socket's URL carries: the token itself, or a single-use ticket bought with it for each attempt, so that the token is
   * in no URL.
   */
  credential?: 'token' | 'ticket' | undefined;
}

export class Dialer {
  readonly #url: URL;
  /** As it was given: servers may be particular about it. */
  readonly #text: string;
  readonly #options: DialOptions;

  constructor(given: string | URL, options: DialOptions) {
    const url = String(given);
    this.#url = serverUrl(url);
    this.#options = options;
    this.#text = /^(ws|http)s?:/.test(url) ? url.replace(/#.*/s, '').replace(/^http/, 'ws') : wsHref(this.#url);
  }

  get path_(): string {
    return this.#url.pathname;
  }

  /** For traces: without the query, which may hold a credential. */
  get shown_(): string {
    return this.#url.host + this.#url.pathname;
  }

  /** Asks the provider; without one there is no token, and that is no failure. */
  ask_(): PromiseLike<string> | undefined {
    const provider = this.#options.tokenProvider;
    return provider === undefined ? undefined : askFor(provider);
  }

  /** The URL of a dial. The promise of a ticket rejects with a {@link TicketError}. */
  url_(token: string | undefined, resume: boolean, signal: AbortSignal): string | Promise<string> {
    if (token !== undefined && this.#options.credential === 'ticket') {
      return this.buy_(token, signal).then(({ ticket }) => this.#with('ticket', ticket, resume));
    }
    return this.#with('token', token, resume);
  }

  buy_(token: string, signal: AbortSignal) {
    const { fetch } = this.#options;
    return buy(this.#url, token, fetch ?? ((...args) => globalThis.fetch(...args)), signal);
  }

  /** @throws what the factory throws, or a {@link BowlineError} that says what to do. */
  open_(url: string): WebSocketLike {
    const { wsFactory } = this.#options;
    if (wsFactory) {
      const socket = wsFactory(url);
      if (typeof socket?.close === 'function') return socket;
      throw new BowlineError('NO_WEBSOCKET', 'wsFactory gave no socket: it must return one, and not a promise');
    }
    if (typeof WebSocket === 'undefined') {
      throw new BowlineError(
        'NO_WEBSOCKET',
        "there is no global WebSocket here (Node before 22): pass wsFactory: (url) => new WebSocket(url), with import WebSocket from 'ws'",
      );
    }
    return new WebSocket(url);
  }

  #with(name: string, secret: string | undefined, resume: boolean): string {
    let url = this.#text;
    const add = (text: string) => (url += (url.includes('?') ? '&' : '?') + text);
    if (secret !== undefined) add(`${name}=${encodeURIComponent(secret)}`);
    if (resume) add('resume=1');
    return url;
  }
}

/** @throws {TypeError} when the provider gives something else than a text. */
export async function askFor(provider: TokenProvider): Promise<string> {
  const token: unknown = await (typeof provider === 'function' ? provider() : provider);
  if (typeof token === 'string') return token;
  throw Object.assign(new TypeError(`the token provider gave ${token === null ? token : typeof token}, not a text`), { refused: true });
}

/** What a server can be reached at: `ws`, `wss`, `http` or `https`; in a page also relative to it. */
export function serverUrl(text: string | URL): URL {
  let url: URL;
  try {
    url = new URL(text, globalThis.location?.href);
  } catch {
    throw invalid('it is none: give one like wss://host/agent');
  }
  if (!/^(ws|http)s?:$/.test(url.protocol)) throw invalid(`its scheme is ${url.protocol}: use ws, wss, http or https`);
  if (url.username || url.password) throw invalid('a user part is not used: pass a tokenProvider');
  return url;
}

export const invalid = (why: string) => new BowlineError('INVALID_URL', `the URL cannot be used: ${why}`);

export const wsHref = (url: URL): string => url.href.replace(/#.*/s, '').replace(/^http/, 'ws');

/** A failed credential or dial as the core takes it. */
export interface Failure {
  how: 'temporary' | 'unauthorized' | 'refused';
  message: string;
  retryAfterMs?: number;
}

/** What a failed dial means: whether another try mends it. */
export function failureOf(error: unknown): Failure {
  const message = messageOf(error);
  const { code, retryAfterMs, name } = Object(error) as Partial<TicketError>;
  if (error instanceof TicketError) {
    const how = code === 'UNAUTHORIZED' ? 'unauthorized' : code === 'TEMPORARY' ? 'temporary' : 'refused';
    return retryAfterMs === undefined ? { how, message } : { how, message, retryAfterMs };
  }
  // An unusable URL, or a page that may not connect there: the platform would say the same again.
  const isFinal = error instanceof BowlineError || /^(Syntax|Security|Type)Error$/.test(name ?? '');
  return { how: isFinal ? 'refused' : 'temporary', message };
}
