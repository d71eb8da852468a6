// How the core's reason for an end is told to the application.

import type { CloseReason } from './core.js';
import { ConnectError, ConnectionRejectedError } from './errors.js';

export function errorOf(reason: CloseReason): ConnectError {
  switch (reason.kind) {
    case 'asked':
      return closed();
    case 'rejected':
      return new ConnectionRejectedError(reason.rejected.reason, reason.rejected.message);
    case 'refused':
      return new ConnectError('REFUSED', `the server closed the connection for good (${reason.code})`, reason.code);
    case 'unauthorized':
      return new ConnectionRejectedError(
        'UNAUTHORIZED',
        'neither the token nor a second one from the provider was accepted: is it expired, or for another server?',
        'UNAUTHORIZED',
      );
    case 'noCredential':
      return new ConnectError('NO_CREDENTIAL', `the token provider has no token: ${reason.message}`);
    case 'unreachable':
      return new ConnectError('UNREACHABLE', `the server cannot be reached: ${reason.message}`);
    case 'attemptsExhausted':
      return new ConnectError('ATTEMPTS_EXHAUSTED', `${reason.attempts} attempts failed, the last one with: ${reason.last}`);
  }
}

export const closed = () => new ConnectError('CLOSED', 'the connection was closed before it was accepted');
