// What a page, a worker or a window is told about its network and its sleep.

/**
 * Calls `tell` with `online`, `offline`, `freeze`, or another word when the page is awake or in sight again. Returns what ends
 * it. Where there is no page, nothing is told.
 */
export function pageEvents(tell: (event: string) => void): () => void {
  const listener = ({ type }: { type: string }) => {
    if (type !== 'visibilitychange' || document.visibilityState === 'visible') tell(type);
  };
  const targets: [EventTarget | undefined, string[]][] = [
    [globalThis as Partial<EventTarget> as EventTarget, ['online', 'offline', 'pageshow']],
    [globalThis.document, ['visibilitychange', 'freeze', 'resume']],
  ];
  const each = (method: 'addEventListener' | 'removeEventListener') => {
    for (const [target, types] of targets) for (const type of types) target?.[method]?.(type, listener);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}
