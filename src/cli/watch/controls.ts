import type { Key } from '../keys.ts';

/** Action that a key asks for, beyond a change of the table. */
export type Action = 'quit' | 'suspend' | undefined;

/** State of the table that its user controls by keys. */
export class Controls {
  /** Words that each shown row contains. */
  filter = '';
  /** True while the user types the filter. */
  isEditing = false;
  /** True while no new rows are shown. */
  isPaused = false;

  /** Takes a key, and returns the action that it asks for. */
  press(key: Key): Action {
    if (key.ctrl) return this.#pressWithCtrl(key.name);
    if (this.isEditing) this.#edit(key);
    else if (key.text === 'q') return 'quit';
    else if (key.text === 'p') this.isPaused = !this.isPaused;
    else if (key.text === '/') this.isEditing = true;
    else if (key.name === 'escape') this.filter = '';
    return undefined;
  }

  #pressWithCtrl(name: string): Action {
    if (name === 'c') return 'quit';
    if (name === 'z') return 'suspend';
    if (name === 'u' && this.isEditing) this.filter = '';
    return undefined;
  }

  #edit({ name, text }: Key): void {
    if (name === 'return' || name === 'enter') this.isEditing = false;
    else if (name === 'escape') {
      this.isEditing = false;
      this.filter = '';
    } else if (name === 'backspace') this.filter = Array.from(this.filter).slice(0, -1).join('');
    // Arrows and other keys type a sequence of control characters.
    else if (!/\p{Cc}/u.test(text)) this.filter += text;
  }
}
