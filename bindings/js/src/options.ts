// Which numbers an option may be.

import { BowlineError } from './errors.js';

/** @throws {BowlineError} `INVALID_OPTION`. */
export function atLeast(least: number, name: string, value: number): number {
  if (typeof value === 'number' && value >= least && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new BowlineError('INVALID_OPTION', `${name} is ${value}: give a number of at least ${least}`);
}
