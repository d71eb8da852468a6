// How two frames with the same text are known to be the same on servers without positions: a hash of 53 bits, so that a number
// carries it. It guards against accidents, not against a peer who wants a collision and could only double or hide its own events.

// Odd, with well mixed bits: the fractions of the golden ratio and of the square root of 2.
const GOLDEN = 0x9e3779b1;
const DIAGONAL = 0x6a09e667;

/** The hash of `text`: a whole number below 2^53. */
export function digest(text: string): number {
  // Two lanes, so that what collides in one does not in the other.
  let low = text.length;
  let high = ~low;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    low = step(low ^ unit, 15, GOLDEN);
    high = step(high ^ unit, 13, DIAGONAL);
  }
  low = step(step(low ^ high, 16, DIAGONAL), 15, GOLDEN);
  high = step(step(high ^ low, 16, GOLDEN), 15, DIAGONAL);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** No two numbers have the same outcome. */
function step(bits: number, shift: number, factor: number): number {
  return Math.imul(bits ^ (bits >>> shift), factor);
}
