import type { Rejection } from './access.ts';
import { byId, say } from './dom.ts';

const rejections: Readonly<Record<Rejection, string>> = {
  unknown_link:
    'The service rejected the link: it was used before, has expired, or the service has restarted.',
  unknown_token: 'The service rejected the token: it is unknown, has expired or was revoked.',
  copied_pass: 'The link was opened in another browser, too. Therefore the page session has ended in both.',
  no_monitor: 'The service rejected the token: it does not have the role monitor.',
  too_many_pages: 'This token has too many open pages. Close some of them first.',
};
const advice = 'To watch, open a new link from the service or enter a token.';

/** Form in which the user types a token if the page has no valid pass. */
export class Lock {
  readonly #form = byId('locked', HTMLFormElement);
  readonly #token = byId('token', HTMLInputElement);
  #answer: ((given: string) => void) | undefined;

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#close(this.#token.value.trim());
    });
  }

  get open(): boolean {
    return this.#answer !== undefined;
  }

  ask(rejection: Rejection | undefined): Promise<string> {
    say(byId('why'), rejection ? `${rejections[rejection]} ${advice}` : advice);
    this.#form.hidden = false;
    if (document.activeElement === document.body) this.#token.focus();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  /** Closes the form because the user has opened a link instead. */
  leave(): void {
    this.#close('');
  }

  #close(given: string): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.#token.value = '';
    this.#form.hidden = true;
    answer?.(given);
  }
}
