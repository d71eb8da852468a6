// What an application may decide about a connection's pauses and its renewal, and which numbers an option may be.

import type { CoreOptions, SavedPosition } from './core.js';
import { BowlineError } from './errors.js';

export interface PauseOptions {
  /** The pause before the first retry, in milliseconds; it doubles up to 30 s. Default 1000. */
  reconnectDelay?: number | undefined;
  /** How many retries in a row may fail before the socket gives up; 0 is for ever. Default 0 for agents, 10 for managed sockets. */
  maxReconnectAttempts?: number | undefined;
  /** Spreads the pauses at random, which is kinder to a server that loses thousands of clients at once. Default false: exact. */
  jitter?: boolean | undefined;
  /**
   * The age at which a link is replaced by a successor, in milliseconds: exactly this for agents, up to 5 % earlier for managed
   * sockets. Default 110 minutes, because widespread API gateways cut at 120. 0: only when the server asks for it.
   */
  proactiveReconnectMs?: number | undefined;
}

/** As the core takes them. @throws {BowlineError} `INVALID_OPTION`. */
export function limitsOf(options: PauseOptions, attempts: number): Omit<CoreOptions, 'seed'> {
  const backoffBaseMs = whole(options, 'reconnectDelay', 1000);
  return {
    backoffBaseMs,
    backoffCapMs: Math.max(30_000, backoffBaseMs),
    maxAttempts: whole(options, 'maxReconnectAttempts', attempts),
    jitter: options.jitter ?? false,
    renewAfterMs: whole(options, 'proactiveReconnectMs', 110 * 60_000),
  };
}

/** A number of at least 0. @throws {BowlineError} `INVALID_OPTION`. */
export function whole<K extends string>(options: { [N in K]?: number | undefined }, name: K, otherwise: number): number {
  const value: unknown = options[name] ?? otherwise;
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new BowlineError('INVALID_OPTION', `${name} is ${value}: give a finite number of at least 0`);
}

/** The position to go on from: what is none would be taken for the oldest. @throws {BowlineError} `INVALID_OPTION`. */
export function positionOf({ resumeFrom }: { resumeFrom?: SavedPosition | undefined }): SavedPosition | undefined {
  const { epoch, seq } = resumeFrom ?? { seq: 0 };
  if (seq === 0 || (Number.isSafeInteger(seq) && seq! > 0 && /^[\da-f]{16}$/i.test(epoch!))) return resumeFrom;
  throw new BowlineError('INVALID_OPTION', 'resumeFrom is no position: give what `position` was');
}
