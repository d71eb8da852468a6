// Which of the core's notices are errors for the application, in its words.

import type { Notice } from './core.js';
import { SocketError } from './errors.js';

export function troubleOf(notice: Notice): SocketError | undefined {
  switch (notice.kind) {
    case 'reconnecting': {
      const { attempt, delayMs, cause } = notice;
      return new SocketError('INTERRUPTED', `${cause}; attempt ${attempt} follows in ${delayMs} ms`, { attempt, delayMs });
    }
    case 'handoverFailed':
      return new SocketError('HANDOVER_FAILED', `a handover failed: ${notice.cause}`);
    case 'skipped':
      return new SocketError('SKIPPED', `events behind ${notice.after.seq} may be missing: the server could not go on there`);
    case 'gatewayError':
      return new SocketError('SERVER', `the server says ${notice.code}: ${notice.message}`, { serverCode: notice.code });
    case 'trouble':
      return new SocketError('TROUBLE', notice.message);
    default:
      return undefined;
  }
}
