const firstMs = 1_000;
const maxMs = 60_000;

/** Returns how many milliseconds to wait after so many attempts: random, so that many deliveries do not come at once. */
export function backoffMs(attempts: number, random: () => number = Math.random): number {
  const whole = Math.min(maxMs, firstMs * 2 ** (attempts - 1));
  return whole / 2 + (random() * whole) / 2;
}
