// Counts sockets and timers, the core's memory, and what went wrong, in a page or in Node. A classic script that comes before any
// module: nothing opens a socket or sets a timer unseen.

{
  const sockets = new Set();
  const timers = new Set();
  const errors = [];
  const { WebSocket = class {}, setTimeout, clearTimeout } = globalThis;
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
  globalThis.addEventListener?.('error', ({ message }) => errors.push(message));
  globalThis.addEventListener?.('unhandledrejection', ({ reason }) => errors.push(String(reason)));
  globalThis.addEventListener?.('securitypolicyviolation', ({ violatedDirective }) => errors.push(`policy: ${violatedDirective}`));
  // The memory of a compiled core, which no heap counts.
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      memories.push(this.exports.memory);
    }
  };
  globalThis.coreBytes = () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  globalThis.census = () => ({ sockets: sockets.size, timers: timers.size, errors: [...errors] });
}
