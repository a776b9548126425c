import { EMPTY, filter, ignoreElements, mergeMap, switchMap, type Observable } from 'rxjs';
import { abortable } from '../../abortable.ts';
import type { AuthorizeEvent, SignInEvent } from '../../login/events.ts';
import { isBareCode } from '../../login/pasted.ts';
import { openBrowser } from '../browser.ts';
import { oneLine } from '../errors.ts';
import type { Io } from '../io.ts';
import { hasBrowser } from './has-browser.ts';
import { cancelled } from './interrupted.ts';
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';
import { interrupt, pastedLines } from './prompt.ts';
import type { Asked } from './submit.ts';
import { againAs, slipIn, tunnelTo } from './texts.ts';

/** Looks after the person of one sign-in: shows where to go, and takes what cannot come by itself. */
export class Attendant {
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #place: Place;
  readonly #wantsBrowser: boolean;
  #issuer = '';
  #opened = false;

  constructor(io: Io, progress: Progress, place: Place, wantsBrowser = hasBrowser(io.env)) {
    this.#io = io;
    this.#progress = progress;
    this.#place = place;
    this.#wantsBrowser = wantsBrowser;
  }

  /** Does what an event asks for. */
  async attend(event: SignInEvent): Promise<SignInEvent> {
    switch (event.type) {
      case 'discovered':
        this.#issuer = event.issuer;
        break;
      case 'registered':
        this.#registered(event);
        break;
      case 'authorize':
        await this.#show(event);
        break;
      case 'waiting':
        this.#progress.waiting(event.expiresAt, this.#opened || this.#place.address === undefined);
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
    const { host, address } = this.#place;
    this.#progress.say(
      clientSecret === undefined
        ? `Registered as ${name} for ${host.redirectUri}; to use it again, give ${againAs(name, address)}.`
        : `Registered as ${name}, for this time: its secret is not kept.`,
    );
  }

  /** Submits what is pasted once there is something to paste. No values; errors on Ctrl-C. */
  paste(events: Observable<SignInEvent>): Observable<never> {
    return events.pipe(
      filter((event) => event.type === 'authorize'),
      switchMap((event) => (this.#pastes ? this.#submitLines(event) : EMPTY)),
      ignoreElements(),
    );
  }

  get #pastes(): boolean {
    // Where the browser may well get through by itself, a pipe may be for somebody else.
    const isLastResort = this.#place.address !== undefined && !this.#opened;
    return isLastResort || this.#io.stdin.isTTY === true;
  }

  async #show({ url }: AuthorizeEvent): Promise<void> {
    this.#opened = this.#wantsBrowser && (await openBrowser(url));
    this.#progress.url(url, this.#opened);
    const { address } = this.#place;
    if (!this.#pastes) return;
    if (this.#opened || address === undefined) {
      this.#progress.say(
        'If you end at a page that does not load, paste its address here (it is not shown).',
      );
      return;
    }
    this.#progress.advice(...tunnelTo(address, this.#io.env));
    this.#progress.say(
      'Or paste here the address of the page that did not load, or the code (it is not shown):',
    );
  }

  #submitLines({ url }: AuthorizeEvent): Observable<unknown> {
    const { searchParams } = url;
    const asked = {
      state: searchParams.get('state') ?? '',
      redirectUri: searchParams.get('redirect_uri') ?? '',
      issuer: this.#issuer,
    };
    return pastedLines(this.#io).pipe(
      mergeMap((line) => {
        if (line === interrupt) throw cancelled();
        return line.trim() === '' ? EMPTY : abortable((signal) => this.#submit(line.trim(), asked, signal));
      }),
    );
  }

  async #submit(line: string, asked: Asked, signal: AbortSignal): Promise<void> {
    const slip = isBareCode(line) ? slipIn(line) : undefined;
    const complaint = slip ?? (await this.#place.submit(line, asked, signal));
    if (complaint !== undefined && !signal.aborted) this.#progress.say(`${complaint} Try again:`);
  }
}
