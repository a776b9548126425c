import type { Observer } from 'rxjs';
import type { Report } from '../base/isolated-observable.ts';
import type { ReadResponse } from '../callback/parameters.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import type { OAuthCallbackResult } from '../model/callback-result.ts';
import { AuthorizationError } from '../model/errors.ts';
import type { ServerOptions } from './options.ts';

/** The program's `resultContainer`: it takes the first accepted response, and then `resultReady` is signalled. */
export class FirstResult {
  readonly #container: OAuthCallbackResult | undefined;
  readonly #ready: ServerOptions['resultReady'];
  readonly #report: Report;
  #filled = false;

  constructor(
    { resultContainer, resultReady }: Pick<ServerOptions, 'resultContainer' | 'resultReady'>,
    report: Report,
  ) {
    this.#container = resultContainer;
    this.#ready = resultReady;
    this.#report = report;
  }

  /** Tells if the container still takes a response of any state, as it does while no flow is pending. */
  accepts({ fields, reason }: ReadResponse, pending: number): boolean {
    if (!this.#container || this.#filled || pending > 0) return false;
    return reason === undefined || (reason === 'missing_state' && fields.error !== undefined);
  }

  /** Fills the container, once. */
  fill(response: CallbackResponse): void {
    const container = this.#container;
    if (!container || this.#filled) return;
    this.#filled = true;
    container.iss = response.iss;
    if (response.error === undefined) {
      container.code = response.code;
      container.state = response.state;
    } else {
      container.error = new AuthorizationError(response);
    }
    try {
      (this.#ready as Partial<Observer<OAuthCallbackResult>> | undefined)?.next?.(container);
      this.#ready?.complete?.();
    } catch (error) {
      this.#report(error);
    }
  }
}
