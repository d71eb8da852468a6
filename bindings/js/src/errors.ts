// What can go wrong, by blame: what a caller gave, what a ticket office answered, why a connection is over, what a socket went
// through. Every error has a stable `code`; messages are for people and hold no secret.

/** The base of every error of this package. */
export class BowlineError extends Error {
  /** Stable: what a program compares. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
    this.name = 'BowlineError';
  }
}

/** Why a connection is over. */
export type ConnectErrorCode =
  /** The server said no: {@link ConnectionRejectedError} has its reason. */
  | 'REJECTED'
  /** The server closed with a code that forbids a retry. */
  | 'REFUSED'
  /** The credential was not accepted, nor was a fresh one: a {@link ConnectionRejectedError} too. */
  | 'UNAUTHORIZED'
  /** The token provider has no token and will not have one. */
  | 'NO_CREDENTIAL'
  /** The server cannot be reached in a way that a retry would mend. */
  | 'UNREACHABLE'
  /** As many attempts as allowed failed in a row. */
  | 'ATTEMPTS_EXHAUSTED'
  /** The application closed it. */
  | 'CLOSED';

/** The connection will not be accepted, and no further attempt is made. */
export class ConnectError extends BowlineError {
  declare readonly code: ConnectErrorCode;
  /** The close code, where the server's close is the reason. */
  readonly closeCode?: number;

  constructor(code: ConnectErrorCode, message: string, closeCode?: number) {
    super(code, message);
    this.name = 'ConnectError';
    if (closeCode !== undefined) this.closeCode = closeCode;
  }
}

/** The server refused the connection, for example above the account's connection limit. `connect()` tries once more. */
export class ConnectionRejectedError extends ConnectError {
  /** The server's word, such as `CONNECTION_LIMIT_EXCEEDED`; `UNAUTHORIZED` for a credential, however it was refused. */
  readonly reason: string;

  constructor(reason: string, message: string, code: ConnectErrorCode = 'REJECTED') {
    super(code, `the server rejected the connection: ${reason}${message && ` (${message})`}; connect() tries once more`);
    this.name = 'ConnectionRejectedError';
    this.reason = reason;
  }
}

/** Why there is no ticket. */
export type TicketErrorCode =
  /** The path or an id cannot be used in a URL. */
  | 'PATH'
  /** The token provider has no token, or there is none. */
  | 'NO_TOKEN'
  /** 401: neither the token nor a second one was accepted. */
  | 'UNAUTHORIZED'
  /** 403: the account has no right to the path. */
  | 'FORBIDDEN'
  /** Anything else that a repetition does not mend. */
  | 'REFUSED'
  /** Worth another try: no network, a server that is busy or restarts. */
  | 'TEMPORARY';

/** A ticket could not be had. */
export class TicketError extends BowlineError {
  declare readonly code: TicketErrorCode;
  /** Not before this many milliseconds, when the server said so. */
  readonly retryAfterMs?: number;

  constructor(code: TicketErrorCode, message: string, retryAfterMs?: number) {
    super(code, message);
    this.name = 'TicketError';
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/**
 * What a token provider may throw to say more than "not now", which is what every other error means. Any error with these
 * members will do.
 */
export class TokenError extends BowlineError {
  /** It will not succeed by repetition, for example because the account is signed out: the connection ends. */
  readonly refused: boolean;
  /** Not before this many milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { refused?: boolean; retryAfterMs?: number } = {}) {
    super('TOKEN', message);
    this.name = 'TokenError';
    this.refused = options.refused ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What went wrong on a socket. */
export type SocketErrorCode =
  /** The link was lost or an attempt failed; another attempt follows. */
  | 'INTERRUPTED'
  /** A planned handover did not succeed; the current link stays. */
  | 'HANDOVER_FAILED'
  /** The server could not go on where the socket stood and did not say what was lost: any events may be missing. */
  | 'SKIPPED'
  /** The server did not understand or allow a frame. */
  | 'SERVER'
  /** Something that the socket recovers from by itself. */
  | 'TROUBLE'
  /** The socket is over and will not try again by itself; `cause` says why. */
  | 'ENDED';

/** What `onError` tells. Like an `Event` it has a `type`, and like an `Error` a message. */
export class SocketError extends BowlineError {
  declare readonly code: SocketErrorCode;
  /** The type of an error event. */
  readonly type = 'error';
  /** With `INTERRUPTED`: the attempt that follows, from 1. */
  readonly attempt?: number;
  /** With `INTERRUPTED`: milliseconds until it starts. */
  readonly delayMs?: number;
  /** With `SERVER`: the server's stable code, such as `RATE_LIMITED`. */
  readonly serverCode?: string;
  /** With `ENDED`: why. */
  override readonly cause?: ConnectError;

  constructor(
    code: SocketErrorCode,
    message: string,
    more?: { attempt?: number; delayMs?: number; serverCode?: string; cause?: ConnectError },
  ) {
    super(code, message);
    this.name = 'SocketError';
    Object.assign(this, more);
  }
}
