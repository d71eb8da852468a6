// Counts a page's sockets and timers, and what it did wrong. A classic script, before any module: nothing opens a socket or sets a timer unseen.

{
  const sockets = new Set();
  const timers = new Set();
  const errors = [];
  const { WebSocket, setTimeout, clearTimeout } = globalThis;
  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      sockets.add(this);
      this.addEventListener('close', () => sockets.delete(this));
    }
  };
  globalThis.setTimeout = (call, ms, ...given) => {
    const id = setTimeout(() => (timers.delete(id), call(...given)), ms);
    timers.add(id);
    return id;
  };
  globalThis.clearTimeout = (id) => {
    timers.delete(id);
    clearTimeout(id);
  };
  globalThis.addEventListener('error', ({ message }) => errors.push(message));
  globalThis.addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
  globalThis.addEventListener('securitypolicyviolation', ({ violatedDirective }) => errors.push(`policy: ${violatedDirective}`));
  globalThis.census = () => ({ sockets: sockets.size, timers: timers.size, errors: [...errors] });
}
