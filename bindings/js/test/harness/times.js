// How long the tests that take time take: short in the test command, in full with `BOWLINE_LONG=1`.

export const SECONDS = process.env.BOWLINE_LONG ? 60 : 8;
