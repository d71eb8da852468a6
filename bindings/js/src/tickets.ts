// Buying a ticket: the token goes in a header of a `POST`, and what comes back opens one socket.

import { TicketError } from './errors.js';

/** Opens one WebSocket, once. Shows its secret to `ticket`, to a template and to `String()`, not to the console or `JSON`. */
export class Ticket {
  readonly #text: string;
  /** For how many milliseconds it was valid when it was sold; `undefined` when the server did not say. */
  readonly expiresInMs: number | undefined;

  constructor(text: string, expiresInMs?: number) {
    this.#text = text;
    this.expiresInMs = expiresInMs;
  }

  /** The secret itself, for `?ticket=` of the socket's URL. Not for logs. */
  get ticket(): string {
    return this.#text;
  }

  toString(): string {
    return this.#text;
  }
}

/** `POST /v1/tickets` at the host of `url`, for its path. Its deadline is the caller's, through `signal`. */
export async function buy(url: URL, token: string, fetch: typeof globalThis.fetch, signal: AbortSignal): Promise<Ticket> {
  if (/[^\x21-\x7e]/.test(token)) {
    // Said here, because the platform's own words may quote it.
    throw new TicketError('REFUSED', 'the token holds characters that no HTTP header can carry (a line break at its end?)');
  }
  let response: Response;
  try {
    response = await fetch(new URL('/v1/tickets', url.href.replace(/^ws/, 'http')), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ path: url.pathname }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    throw new TicketError('TEMPORARY', `the ticket request failed (${messageOf(error)})`);
  }
  if (!response.ok) throw failure(response);
  try {
    const { ticket, expiresIn } = await response.json();
    if (typeof ticket === 'string') return new Ticket(ticket, typeof expiresIn === 'number' ? expiresIn * 1000 : undefined);
  } catch {
    // As below.
  }
  throw new TicketError('TEMPORARY', "the ticket's answer is not the expected JSON: is this a Bowline gateway?");
}

function failure({ status, headers, type }: Response): TicketError {
  const says = `the ticket request was answered ${status}`;
  if (status === 401) return new TicketError('UNAUTHORIZED', 'the token was not accepted (401): is it expired, or for another server?');
  if (isTemporary(status)) {
    // At most a day is believed.
    const seconds = Number(headers.get('retry-after') || NaN);
    return new TicketError('TEMPORARY', says, seconds >= 0 ? Math.min(seconds, 86_400) * 1000 : undefined);
  }
  if (status === 403) return new TicketError('FORBIDDEN', `${says}: this account has no right to this path`);
  if (status === 404) {
    return new TicketError('REFUSED', "the server sells no tickets (404 at /v1/tickets): use credential: 'token'");
  }
  const isRedirect = type === 'opaqueredirect' || (status >= 300 && status < 400);
  return new TicketError('REFUSED', isRedirect ? 'the ticket request was redirected: use the final URL' : says);
}

/** Whether an HTTP status may pass by itself. */
export const isTemporary = (status: number): boolean => [408, 425, 429].includes(status) || status >= 500;

/** What went wrong, in its own words, without the credential of a URL that they may quote. */
export const messageOf = (error: unknown): string =>
  String((error as Error | undefined)?.message ?? error).replace(/(token|ticket)=[^&\s'"]+/g, '$1=…');
