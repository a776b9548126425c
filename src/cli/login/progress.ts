import { createColors } from 'picocolors';
import { timer, type Subscription } from 'rxjs';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import type { Io } from '../io.ts';
import { clockTime } from './texts.ts';

/** What the person sees on stderr while the sign-in goes on. */
export class Progress {
  readonly #io: Io;
  readonly #colors;
  #spinner: Spinner | undefined;
  #ticks: Subscription | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.#colors = createColors(io.stderr.isTTY === true && !io.env['NO_COLOR']);
  }

  say(line: string): void {
    this.#io.stderr.write(`${line}\n`);
  }

  url(url: URL, opened: boolean): void {
    const what = opened ? 'Your browser opens. If it does not, go to' : 'To sign in, go to';
    this.say(`${what}\n\n  ${this.#colors.cyan(url.href)}\n`);
  }

  /** Something to do for those whose browser is elsewhere. */
  advice(sentence: string, command: string): void {
    this.say(`${sentence}\n\n  ${this.#colors.bold(command)}\n`);
  }

  /** @param spins Whether there is a terminal to spin on, on which nothing is typed. */
  waiting(expiresAt: number, spins: boolean): void {
    const left = (): string => clockTime(expiresAt - Date.now());
    // The spinner knows the process's own stream only.
    if (!spins || !this.#io.stderr.isTTY || this.#io.stderr !== process.stderr || this.#io.env['CI']) {
      this.say(this.#colors.dim(`Waiting for you, ${left()} left.`));
      return;
    }
    const spinner = yoctoSpinner({ stream: process.stderr, handleSignals: false }).start();
    this.#spinner = spinner;
    this.#ticks = timer(0, 1_000).subscribe(() => (spinner.text = `Waiting for you, ${left()} left`));
  }

  received(): void {
    this.#ticks?.unsubscribe();
    if (this.#spinner) this.#spinner.text = 'You are back; asking for the tokens';
  }

  signedIn(issuer: string): void {
    this.stop();
    this.say(this.#colors.green(`Signed in at ${issuer}.`));
  }

  /** Leaves the terminal as it was. */
  stop(): void {
    this.#ticks?.unsubscribe();
    this.#spinner?.stop();
    this.#spinner = undefined;
  }
}
