// Managed sockets: one client, many sockets, each of which keeps itself up and tells what happens through emitters.

import { askFor, Dialer, invalid, serverUrl, type DialOptions } from './dialer.js';
import { disposable } from './emitter.js';
import { TicketError } from './errors.js';
import { ManagedSocket, type ManagedOptions } from './socket.js';
import { messageOf, type Ticket } from './tickets.js';

export interface BowlineOptions extends DialOptions, SocketOptionsOnly {
  /** The server: `https://…` or `wss://…`, with host and port and without a path. In a page `'/'` is where it came from. */
  url: string | URL;
}

type SocketOptionsOnly = Omit<ManagedOptions, 'signal'>;

/** A client of one server, whose `websocket` opens managed sockets. */
export class Bowline {
  /** `websocket.closeAll()`, where the platform knows the symbol. */
  declare readonly [Symbol.dispose]: () => void;
  /** `websocket.closeAll()` and `websocket.closed()`, where the platform knows the symbol. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** What opens sockets. */
  readonly websocket: Sockets;

  /** Does nothing yet. @throws {BowlineError} `INVALID_URL`. */
  constructor(options: BowlineOptions) {
    this.websocket = new Sockets(options);
    disposable(
      this,
      () => this.websocket.closeAll(),
      () => (this.websocket.closeAll(), this.websocket.closed()),
    );
  }
}

/**
 * Opens managed sockets, and knows those that are open.
 *
 * The promises of the `connect` family resolve as soon as the first ticket has been bought and the dial has begun: the socket is
 * `connecting` then. They reject when the first ticket cannot be had for good. When it cannot be had *now*, the socket is there
 * all the same and keeps trying.
 */
export class Sockets {
  readonly #base: string;
  readonly #options: BowlineOptions;
  readonly #open = new Set<ManagedSocket>();

  /** @internal */
  constructor(options: BowlineOptions) {
    const { protocol, host, pathname, search, hash } = serverUrl(options.url);
    if (pathname !== '/' || search || hash) throw invalid('a base URL has no path and no query: sockets add their own');
    this.#base = `${protocol}//${host}`;
    this.#options = { credential: 'ticket', ...options };
  }

  /** The socket of a chat thread: `/chats/{threadId}`. */
  connectToChat(threadId: string, options?: ManagedOptions): Promise<ManagedSocket> {
    return this.#connect(() => this.#at(['chats', threadId]), options);
  }

  /** The socket of a transcript: `/workspaces/{workspaceId}/transcripts/{transcriptId}`. */
  connectToTranscript(workspaceId: string, transcriptId: string, options?: ManagedOptions): Promise<ManagedSocket> {
    return this.#connect(() => this.#at(['workspaces', workspaceId, 'transcripts', transcriptId]), options);
  }

  /** A socket at any path, with the same guarantees. `label` names it in traces. */
  connect(path: string, options?: ManagedOptions, label?: string): Promise<ManagedSocket> {
    return this.#connect(() => this.#url(path), options, label);
  }

  /**
   * Buys a ticket for one WebSocket at this path, for a socket that somebody else opens. The provider is asked for a token, and
   * once more when that one is not accepted.
   *
   * @throws {TicketError}
   */
  async getTicket(path = '/', options: { signal?: AbortSignal | undefined } = {}): Promise<Ticket> {
    const dialer = new Dialer(this.#url(path), this.#options);
    return this.#buy(dialer, options.signal).catch((error) => {
      if (error instanceof TicketError && error.code === 'UNAUTHORIZED') return this.#buy(dialer, options.signal);
      throw error;
    });
  }

  /** Closes every socket that this client has opened, also those that are still being opened: for logout and unmount. */
  closeAll(): void {
    for (const socket of [...this.#open]) socket.close();
  }

  /** Resolves when every socket that is there now is closed, by whomever. */
  async closed(): Promise<void> {
    await Promise.all([...this.#open].map((socket) => socket.closed()));
  }

  /** How many sockets are connecting, open or reconnecting: none right after `closeAll()`. */
  get connectionCount(): number {
    return [...this.#open].filter(({ state }) => state !== 'closing').length;
  }

  async #connect(url: () => string, options?: ManagedOptions, label?: string): Promise<ManagedSocket> {
    const { signal } = options ?? {};
    signal?.throwIfAborted();
    const dialer = new Dialer(url(), this.#options);
    const socket: ManagedSocket = new ManagedSocket(dialer, label, { ...this.#options, ...given(options) }, () => this.#open.delete(socket));
    this.#open.add(socket);
    await socket.begin_(signal);
    return socket;
  }

  async #buy(dialer: Dialer, signal: AbortSignal | undefined): Promise<Ticket> {
    const { tokenProvider } = this.#options;
    if (tokenProvider === undefined) throw new TicketError('NO_TOKEN', 'the client has no tokenProvider');
    const token = await within(TOKEN_MS, 'the token provider', signal, () =>
      askFor(tokenProvider).catch((error) => {
        const code = error?.refused === true ? 'NO_TOKEN' : 'TEMPORARY';
        throw new TicketError(code, `the token provider has no token: ${messageOf(error)}`, error?.retryAfterMs);
      }),
    );
    return within(TICKET_MS, 'the ticket request', signal, (giveUp) => dialer.buy_(token, giveUp));
  }

  /** The URL of a path as the application gave it. Joined as text behind the host, so that nothing in it can name another one. */
  #url(path: string): string {
    return this.#base + '/' + String(path).replace(/^\//, '');
  }

  /** The URL of these segments, where those that come from the application may hold any character. */
  #at(segments: string[]): string {
    const encoded = segments.map((segment) => {
      // Dots mean a place in the path, also when they are encoded (URL standard, "single-dot path segment").
      try {
        if (!/^\.{0,2}$/.test(segment ?? '')) return encodeURIComponent(segment);
      } catch {
        // A lone surrogate.
      }
      throw new TicketError('PATH', `${JSON.stringify(segment)} is no id`);
    });
    return this.#url(encoded.join('/'));
  }
}

/** The deadlines of a connection's own attempts. */
const [TOKEN_MS, TICKET_MS] = [30_000, 10_000];

async function within<T>(ms: number, what: string, signal: AbortSignal | undefined, work: (giveUp: AbortSignal) => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  const giveUp = new AbortController();
  let stop!: (error: unknown) => void;
  const stopped = new Promise<never>((_, reject) => (stop = reject));
  const aborted = () => stop(signal!.reason);
  signal?.addEventListener('abort', aborted);
  const timer = setTimeout(() => stop(new TicketError('TEMPORARY', `${what} took too long`)), ms);
  try {
    return await Promise.race([work(giveUp.signal), stopped]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
    giveUp.abort();
  }
}

/** Without the members that are `undefined`. */
const given = <T extends object>(options: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
