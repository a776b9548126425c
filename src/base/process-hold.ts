// The longest period of a timer, almost 25 days.
const periodMs = 2 ** 31 - 1;

let holders = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Keeps the process alive until `releaseProcess` has been called as often. Nothing else here does: timers and sockets do not. */
export function holdProcess(): void {
  if (holders++ === 0) timer = setInterval(() => undefined, periodMs);
}

/** Undoes one call of `holdProcess`. */
export function releaseProcess(): void {
  if (--holders === 0) clearInterval(timer);
}

/** Keeps the process alive until a promise has settled. Returns the promise. */
export function holding<T>(promise: Promise<T>): Promise<T> {
  holdProcess();
  promise.then(releaseProcess, releaseProcess);
  return promise;
}
