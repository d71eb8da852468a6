// A scripted server: every socket that a client opens is in its hands.

import assert from 'node:assert/strict';

/** One WebSocket, as far as a client may assume it, and the server's end of it. */
export class FakeSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  readyState = 0;
  bufferedAmount = 0;
  /** Texts that the client has sent. */
  sent = [];
  /** The code of the client's close, once it has closed. */
  closedWith = undefined;
  /** Whether the server answers a close at once. */
  isPolite = true;

  constructor(url, openedAt) {
    this.url = url;
    this.openedAt = openedAt;
  }

  // The client's end.

  send(text) {
    if (this.readyState === 0) throw new Error('InvalidStateError');
    if (this.readyState === 1) this.sent.push(text);
  }

  close(code = 1005) {
    this.closedWith ??= code;
    if (this.readyState === 0) return this.drop();
    if (this.readyState > 1) return;
    this.readyState = 2;
    if (this.isPolite) queueMicrotask(() => this.drop(code));
  }

  // The server's end.

  open() {
    this.readyState = 1;
    this.onopen?.(null);
    return this;
  }

  /** Says a frame, or a text as it is. */
  say(frame) {
    if (this.readyState > 1) return;
    this.onmessage?.({ type: 'message', data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }

  /** The link is over, on both ends. */
  drop(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.(code === undefined ? null : { code });
  }

  get isOver() {
    return this.readyState === 3;
  }

  /** What was sent since the last call, decoded. */
  take() {
    return this.sent.splice(0).map((text) => JSON.parse(text));
  }

  /** What was sent with this action since the last call. */
  takeAll(action) {
    return this.take().filter((frame) => frame.action === action);
  }

  /** As a server that knows only the plain layer. */
  acceptPlain() {
    this.open();
    this.say({ action: 'connection.accepted', connectionId: 'c1' });
    return this;
  }

  /** As a gateway: positions, resume. */
  accept({ seq = 0, ...more } = {}) {
    if (this.readyState === 0) this.open();
    this.say({
      action: 'connection.accepted',
      connectionId: 'c1',
      sessionId: 'session-1',
      resumed: false,
      epoch: EPOCH,
      seq,
      heartbeatMs: 15_000,
      maxDurationMs: 7_200_000,
      features: ['resume', 'drain'],
      ...more,
    });
    return this;
  }

  /** An event of a plain server, or with positions. */
  event(n, more = {}) {
    this.say({ type: 'message.new', timestamp: '2026-01-01T00:00:00Z', topic: 'conv:c1', payload: { n }, ...more });
  }
}

export const EPOCH = '9f3c0a77d1e24b60';

export class Server {
  /** Every socket, the newest last. */
  sockets = [];
  #taken = 0;

  constructor(clock) {
    this.clock = clock;
    this.wsFactory = (url) => {
      const socket = new FakeSocket(url, clock.now);
      this.sockets.push(socket);
      return socket;
    };
  }

  /** The next socket that was opened. */
  async next() {
    await this.clock.advance(0);
    assert(this.#taken < this.sockets.length, 'no further socket was opened');
    return this.sockets[this.#taken++];
  }

  /** How many sockets were opened and not taken by `next`. */
  get waiting() {
    return this.sockets.length - this.#taken;
  }

  get open() {
    return this.sockets.filter((socket) => !socket.isOver);
  }

  /** Nobody listens to any socket. */
  get isDeserted() {
    return this.sockets.every((socket) => !socket.onopen && !socket.onmessage && !socket.onclose);
  }
}

/** Where tickets are sold. */
export class Office {
  /** What was asked for, as `fetch` was told. */
  requests = [];
  /** What is answered next; then tickets again. A function gets the request's signal. */
  answers = [];
  /** Requests that have no answer yet. */
  waiting = 0;

  fetch = async (url, { body, signal, ...more }) => {
    this.requests.push({ url: String(url), body: JSON.parse(body), ...more });
    const answer = this.answers.shift() ?? { body: { ticket: `ticket-${this.requests.length}`, expiresIn: 30 } };
    this.waiting++;
    try {
      const { status = 200, body = {}, headers = {} } = typeof answer === 'function' ? await answer(signal) : answer;
      return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
    } finally {
      this.waiting--;
    }
  };

  /** An answer that never comes, until the request is given up. */
  static silence(signal) {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
}
