/** Returns an element of the page, which must exist. */
export function byId(id: string): HTMLElement;
export function byId<E extends HTMLElement>(id: string, type: new () => E): E;
export function byId(id: string, type = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

export function create<K extends keyof HTMLElementTagNameMap>(
  name: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** Format of a time of day in the user's locale. */
export const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/** Sets a text if it differs, because screen readers announce every change. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Returns a function that requests a call of `run` in an animation frame, at most once in `ms` milliseconds. */
export function inFrames(ms: number, run: () => void): () => void {
  let asked = false;
  let last = -Infinity;
  const frame = (now: number): void => {
    if (now - last < ms) {
      requestAnimationFrame(frame);
      return;
    }
    last = now;
    asked = false;
    run();
  };
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(frame);
  };
}
