import { byId, say } from './dom.ts';

/** The form in which a person types a token, where there is no pass or it is worth nothing any more. */
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

  ask(refused: boolean): Promise<string> {
    say(
      byId('why'),
      refused
        ? 'The service does not take that link or token: it has been used, has expired, or the service has restarted.'
        : 'To watch, open a new link from the service, or type a token.',
    );
    this.#form.hidden = false;
    if (document.activeElement === document.body) this.#token.focus();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  /** A link has come in place of a token. */
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
