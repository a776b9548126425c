/** Runs steps in the order of the calls: each waits for the one before it, whatever has become of that. */
export function inTurn(): (step: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (step) => {
    const turn = last.then(step);
    last = turn.catch(() => undefined);
    return turn;
  };
}
