/** Returns a function that runs steps in the order of its calls. Each step waits until the previous one has settled. */
export function inTurn(): (step: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (step) => {
    const turn = last.then(step);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Returns a function that runs the steps of each key in the order of its calls, and those of other keys meanwhile. */
export function inTurnByKey(): <T>(key: string, step: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<void>>();
  return (key, step) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(step);
    const end = (): void => {
      if (last.get(key) === ended) last.delete(key);
    };
    const ended = turn.then(end, end);
    last.set(key, ended);
    return turn;
  };
}
