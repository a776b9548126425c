import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { pastedRequest } from '../login/pasted.ts';
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
   * @throws {InvalidOptionError} The text is of another sign-in, or the host does not accept it, as a rejection.
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
    const rest = String(
      new URLSearchParams({ state, ...(this.#issuer !== undefined && { iss: this.#issuer }) }),
    );
    const { target } = pastedRequest(text, { redirectUri, prefix: '', rest });
    const [url, home] = [new URL(target, redirectUri), new URL(redirectUri)];
    if (
      url.origin !== home.origin ||
      url.pathname !== home.pathname ||
      url.searchParams.get('state') !== state
    )
      throw new InvalidOptionError('text', 'must be the address of the page that ends this sign-in');
    const { status, body } = await fetch(url, { redirect: 'manual' });
    await body?.cancel();
    // The page about an error of the authorization server has the status 400, and ends the sign-in too.
    if (status >= 400 && !(status === 400 && url.searchParams.has('error')))
      throw new InvalidOptionError('text', `was not accepted by ${home.origin}, which answered ${status}`);
  }
}
