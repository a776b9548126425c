import { createColors } from 'picocolors';
import { timer, type Subscription } from 'rxjs';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import { oneLine, printable } from '../../base/printable.ts';
import type { DeviceEvent } from '../../login/events.ts';
import type { Tokens } from '../../login/tokens.ts';
import type { Io } from '../io.ts';
import { duration } from '../times.ts';

/** Progress of a sign-in, shown to the user on stderr. */
export class Progress {
  readonly #io: Io;
  readonly #colors;
  #spinner: Spinner | undefined;
  #ticks: Subscription | undefined;
  #removeSuspendable: (() => void) | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.#colors = createColors(io.stderr.isTTY === true && !io.env['NO_COLOR']);
  }

  /** Shows a line, which may quote a service or an authorization server. */
  say(line: string): void {
    this.#write(printable(line));
  }

  /** Writes a line as it is: what others have sent in it must be printable. */
  #write(line: string): void {
    this.#spinner?.clear();
    this.#io.stderr.write(`${line}\n`);
  }

  url(url: URL, opened: boolean): void {
    const intro = opened ? 'Opening your browser. If nothing happens, open:' : 'To sign in, open:';
    this.#write(`${intro}\n\n  ${this.#colors.cyan(printable(url.href))}\n`);
  }

  /** Shows advice with a command, for a user whose browser is on another machine. */
  advice(sentence: string, command: string): void {
    this.#write(`${printable(sentence)}\n\n  ${this.#colors.bold(printable(command))}\n`);
  }

  /**
   * Shows how to sign in on another device.
   *
   * @param isSecond Set if the user has been shown a URL for this device before.
   * @param opened Set if a browser of this device has opened, so that the user hardly needs a QR code.
   */
  async device(event: DeviceEvent, isSecond: boolean, opened: boolean): Promise<void> {
    const { verificationUri, userCode, verificationUriComplete } = event;
    const intro = isSecond ? 'Or sign in on another device: open' : 'To sign in, open this on any device:';
    const code = this.#colors.bold(oneLine(userCode));
    this.#write(
      isSecond
        ? `${intro} ${this.#colors.cyan(printable(verificationUri))} and enter the code ${code}`
        : `${intro}\n\n  ${this.#colors.cyan(printable(verificationUri))}\n\nand enter the code: ${code}`,
    );
    if (opened || !this.#io.stderr.isTTY) return;
    const { qrCode } = await import('./qr-code.ts');
    const drawn = qrCode(verificationUriComplete ?? verificationUri, this.#io.stderr.columns);
    if (drawn)
      this.#write(
        `\n${drawn.map((line) => `  ${this.#colors.bgBlack(this.#colors.whiteBright(line))}`).join('\n')}\n`,
      );
  }

  /** @param hasSpinner Set if the user types nothing on the terminal, which a spinner would overwrite. */
  waiting(expiresAt: number, hasSpinner: boolean): void {
    const sentence = (): string =>
      `Waiting for the sign-in, which expires in ${duration(expiresAt - Date.now())}`;
    // The spinner can only write to the stream of the process.
    if (!hasSpinner || !this.#io.stderr.isTTY || this.#io.stderr !== process.stderr || this.#io.env['CI']) {
      this.#write(this.#colors.dim(`${sentence()}.`));
      return;
    }
    const spinner = yoctoSpinner({ stream: process.stderr, handleSignals: false }).start();
    this.#spinner = spinner;
    this.#removeSuspendable = this.#io.onSuspension({
      leave: () => void spinner.stop(),
      resume: () => void spinner.start(),
    });
    this.#ticks = timer(0, 1_000).subscribe(() => (spinner.text = sentence()));
  }

  received(): void {
    this.#ticks?.unsubscribe();
    if (this.#spinner) this.#spinner.text = 'Redirect received; requesting tokens';
  }

  /** Says that the user has signed in. */
  signedIn(issuer: string): void {
    this.#ended(`Signed in at ${issuer}.`);
  }

  /** Says that an earlier sign-in goes on with new tokens. */
  refreshed(issuer: string): void {
    this.#ended(`Refreshed the tokens of ${issuer}.`);
  }

  /** Says that the saved tokens are used as they are. */
  reused({ issuer, expiresAt = 0 }: Tokens, file = ''): void {
    const left = duration(expiresAt - Date.now());
    this.say(`The access token in ${file} is valid for another ${left}; to get a new one, pass --refresh.`);
    this.#ended(`Already signed in at ${issuer}.`);
  }

  #ended(sentence: string): void {
    this.stop();
    this.#write(this.#colors.green(printable(sentence)));
  }

  /** Stops the spinner and restores the terminal. */
  stop(): void {
    this.#ticks?.unsubscribe();
    this.#removeSuspendable?.();
    this.#spinner?.stop();
    this.#spinner = undefined;
  }
}
