// What a program does with the package, the same in a page and in Node: `make` gives it the package and where to connect.
//
// A page's part is started by a test and asked later; so each scenario keeps what it has seen in an object that a test can take.

/** An agent's socket with everything noted that is told of it. */
export function agent(bowline, options) {
  const socket = new bowline.AgentSocket(options);
  const seen = { numbers: [], states: [], gaps: [], errors: [], events: [], acks: [] };
  socket.on('count', (event) => seen.numbers.push(event.n));
  socket.on('*', (event) => event.type === 'count' || seen.events.push(event));
  socket.onStateChange((state) => seen.states.push(state));
  socket.onGap((gap) => seen.gaps.push(gap));
  socket.onError((error) => seen.errors.push(`${error.code}: ${error.message}`));
  socket.setOnSubscribeAck((ack) => seen.acks.push(ack));
  return { socket, seen };
}

/** A managed socket of a chat with everything noted that is told of it. */
export async function chat(bowline, options, thread, given) {
  const client = new bowline.Bowline(options);
  const socket = await client.websocket.connectToChat(thread, given);
  const seen = { numbers: [], states: [], reconnecting: [], errors: 0 };
  socket.onMessage.subscribe((event) => {
    const { type, payload } = JSON.parse(event.data);
    if (type === 'count') seen.numbers.push(payload.n);
  });
  socket.onStateChange.subscribe((state) => seen.states.push(state));
  socket.onReconnecting.subscribe((attempt) => seen.reconnecting.push(attempt));
  socket.onError.subscribe(() => seen.errors++);
  return { client, socket, seen };
}

/** Opens and closes `times` sockets, `abreast` at a time. Returns how many of them are still in memory, for later. */
export async function cycles(bowline, options, times, abreast) {
  let begun = 0;
  const made = [];
  // A gateway that is gone is tried for ever.
  const signal = AbortSignal.timeout(90_000);
  const one = async () => {
    while (begun < times) {
      begun++;
      const socket = new bowline.AgentSocket(options);
      made.push(new WeakRef(socket));
      socket.on('count', () => {});
      socket.subscribe(['conv_ondemand:welcome']);
      try {
        await socket.connect({ signal });
      } catch (error) {
        // The others finish what they have begun, so that none of them is left behind.
        begun = times;
        throw error;
      }
      socket.disconnect();
      await socket.closed();
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: abreast }, one));
  for (const { reason } of ended) if (reason) throw reason;
  return () => made.filter((socket) => socket.deref()).length;
}

/** What is wrong with numbers that should be 0, 1, 2 … `count` - 1, each once; `undefined`: nothing. */
export function fault(numbers, count) {
  const at = numbers.findIndex((n, at) => n !== at);
  if (at >= 0) return `place ${at} has ${numbers[at]}, before it ${numbers.slice(Math.max(0, at - 3), at)}`;
  if (numbers.length !== count) return `${numbers.length} of ${count}`;
}
