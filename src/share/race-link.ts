import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { submitPasted, type Submitted } from '../login/pasted-response.ts';
import { ConnectionError } from '../model/errors.ts';
import type { Flow } from '../model/flow.ts';

/** A way to the end of a sign-in, by one of its hosts. */
export interface RaceLink {
  /** `loopback` if the redirect comes to this machine, where the browser must be; `remote` if it comes to a service. */
  readonly kind: 'loopback' | 'remote';
  /** URL to open in a browser. */
  readonly url: URL;
  /** URL to which the authorization server sends the browser of this link. */
  readonly redirectUri: string;
  /**
   * Submits what a user has copied from a browser that cannot reach the redirect URI: its URL, the query, or the code. It is sent to the
   * redirect URI, as the browser would have done, and passes the same checks.
   *
   * @throws {InvalidOptionError} The text is of another sign-in or issuer, or the host does not accept it, as a rejection.
   * @throws {ConnectionError} The redirect URI cannot be reached from here either, as a rejection.
   */
  paste(text: string): Promise<void>;
}

/** The link of a flow. */
export class FlowLink implements RaceLink {
  readonly kind: RaceLink['kind'];
  readonly #flow: Flow;
  readonly #url: URL;
  readonly #issuer: string | undefined;

  constructor(flow: Flow, url: URL, issuer: string | undefined) {
    this.kind = isLoopback(new URL(flow.redirectUri).hostname.replace(/^\[|\]$/g, ''))
      ? 'loopback'
      : 'remote';
    this.#flow = flow;
    this.#url = url;
    this.#issuer = issuer;
  }

  get url(): URL {
    return this.#url;
  }

  get redirectUri(): string {
    return this.#flow.redirectUri;
  }

  async paste(text: string): Promise<void> {
    const { state, redirectUri } = this.#flow;
    const submitted = await submitPasted(text, { state, redirectUri, issuer: this.#issuer });
    if (submitted.type !== 'taken') throw errorOf(submitted);
  }
}

function errorOf(submitted: Exclude<Submitted, { type: 'taken' }>): Error {
  switch (submitted.type) {
    case 'refused':
      return new InvalidOptionError('text', 'must be the address of the page that ends this sign-in');
    case 'rejected':
      return new InvalidOptionError(
        'text',
        `was not accepted by ${submitted.origin}, which answered ${submitted.status}`,
      );
    case 'unreachable':
      return new ConnectionError(`${submitted.origin} cannot be reached from here`, 1006, undefined);
  }
}
