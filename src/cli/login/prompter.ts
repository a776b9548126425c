import { defer, EMPTY, filter, ignoreElements, mergeMap, switchMap, type Observable } from 'rxjs';
import { abortable } from '../../base/abortable.ts';
import { oneLine } from '../../base/printable.ts';
import { WrongCodeError } from '../../model/errors.ts';
import type { AuthorizeEvent, SignInEvent, WaitingEvent } from '../../login/events.ts';
import { isBareCode } from '../../login/pasted.ts';
import { hasBrowser, launchBrowser } from '../../login/browser.ts';
import type { Io } from '../io.ts';
import { cancelled } from './interrupted.ts';
import type { Receiver } from './receiver.ts';
import type { Progress } from './progress.ts';
import { interrupt, pastedLines } from './prompt.ts';
import type { LoginSettings } from './settings.ts';
import type { PasteTarget } from '../../login/pasted-response.ts';
import { clientFlags, defectOfCode, rejection, tunnelTo } from './texts.ts';

/** Prompts the user of one sign-in: shows the URL to open, and takes pasted responses. */
export class Prompter {
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #receiver: Receiver;
  readonly #wantsBrowser: boolean;
  readonly #browserEnv: Io['env'];
  #issuer = '';
  #opened = false;
  #waiting: WaitingEvent | undefined;
  /** True while a pasted response is judged. */
  #submitting = false;

  constructor(
    io: Io,
    progress: Progress,
    receiver: Receiver,
    settings: Pick<LoginSettings, 'browser' | 'browserEnv'>,
  ) {
    this.#io = io;
    this.#progress = progress;
    this.#receiver = receiver;
    this.#wantsBrowser = settings.browser ?? hasBrowser(io.env);
    this.#browserEnv = settings.browserEnv;
  }

  /** Shows an event to the user, and passes it on. */
  async show(event: SignInEvent): Promise<SignInEvent> {
    switch (event.type) {
      case 'discovered':
        this.#issuer = event.issuer;
        break;
      case 'registered':
        this.#registered(event);
        break;
      case 'authorize':
        await this.#showUrl(event);
        break;
      case 'device':
        await this.#progress.device(event, event.flowId !== undefined, this.#opened);
        break;
      case 'waiting':
        this.#waiting = event;
        this.#progress.waiting(event.expiresAt, this.#opened || this.#receiver.address === undefined);
        break;
      case 'rejected':
        // A browser that has prefetched the redirect follows it later. A pasted one has its own complaint.
        if (event.reason !== 'prefetch' && !this.#submitting)
          this.#progress.say(rejection(event, oneLine(this.#issuer)));
        break;
      case 'received':
        this.#progress.received();
        break;
      default:
    }
    return event;
  }

  #registered({ clientId, clientSecret }: Extract<SignInEvent, { type: 'registered' }>): void {
    const name = oneLine(clientId);
    const { host, address } = this.#receiver;
    this.#progress.say(
      clientSecret === undefined
        ? `Registered as ${name}${host ? ` for ${host.redirectUri}` : ''}; to use it again, pass ${clientFlags(name, address)}.`
        : `Registered as ${name}, for this sign-in only: its secret is not saved.`,
    );
  }

  /** Submits pasted lines, from the time that the URL is shown. Emits nothing; errors on Ctrl-C. */
  submitPasted(events: Observable<SignInEvent>): Observable<never> {
    return events.pipe(
      filter((event) => event.type === 'authorize'),
      switchMap((event) => (this.#takesLines(event) ? this.#submitLines(event) : EMPTY)),
      ignoreElements(),
    );
  }

  #takesLines(event: AuthorizeEvent): boolean {
    return event.binding === 'code' || this.#takesPastes(event);
  }

  #takesPastes({ responseMode, binding }: AuthorizeEvent): boolean {
    const isRemote = this.#receiver.address === undefined;
    // A service takes a response that is bound to a browser, or shows its code, only in the browser.
    if (isRemote && binding !== 'none') return false;
    // The address of a page that a form has led to has no code.
    if (responseMode === 'form_post') return false;
    // If the browser can probably reach this machine, the input of a pipe may be for another program.
    const isLastResort = this.#receiver.address !== undefined && !this.#opened;
    return isLastResort || this.#io.stdin.isTTY === true;
  }

  async #showUrl(event: AuthorizeEvent): Promise<void> {
    const { url } = event;
    this.#opened = this.#wantsBrowser && (await launchBrowser(url, this.#browserEnv));
    this.#progress.url(url, this.#opened);
    const { address } = this.#receiver;
    const isFar = !this.#opened && address !== undefined;
    if (isFar) this.#progress.advice(...tunnelTo(address, this.#io.env));
    if (event.binding === 'code')
      this.#progress.say('After the sign-in the page shows a code. Type it here (input is hidden):');
    if (!this.#takesPastes(event)) return;
    this.#progress.say(
      isFar
        ? 'Or paste the address of the page that did not load, or the code, here (input is hidden):'
        : 'If the browser shows a page that does not load, paste its address here (input is hidden).',
    );
  }

  #submitLines({ state, redirectUri, binding }: AuthorizeEvent): Observable<unknown> {
    const target = { state, redirectUri, issuer: this.#issuer };
    return pastedLines(this.#io).pipe(
      mergeMap((line) => {
        if (line === interrupt) throw cancelled();
        const typed = line.trim();
        if (typed === '') return EMPTY;
        if (binding === 'code' && isBareCode(typed)) return defer(() => this.#confirm(typed));
        return abortable((signal) => this.#submit(typed, target, signal));
      }),
    );
  }

  /** Passes on a code that the page shows. A sign-in that ends by it says so itself. */
  async #confirm(typed: string): Promise<void> {
    try {
      await this.#waiting?.confirm(typed);
    } catch (error) {
      if (error instanceof WrongCodeError) this.#progress.say(`Wrong code: ${error.message}. Try again:`);
    }
  }

  async #submit(line: string, target: PasteTarget, signal: AbortSignal): Promise<void> {
    const defect = isBareCode(line) ? defectOfCode(line) : undefined;
    const complaint = defect ?? (await this.#judge(line, target, signal));
    if (complaint !== undefined && !signal.aborted) this.#progress.say(`${complaint} Try again:`);
  }

  async #judge(line: string, target: PasteTarget, signal: AbortSignal): Promise<string | undefined> {
    this.#submitting = true;
    try {
      return await this.#receiver.submit(line, target, signal);
    } finally {
      this.#submitting = false;
    }
  }
}
