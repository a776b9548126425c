import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { submitPasted, type Submitted } from '../login/pasted-response.ts';
import { ConnectionError } from '../model/errors.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowLink } from '../model/flow-link.ts';

/** The link of one host: its redirect comes to that host. */
export class RedirectLink implements FlowLink {
  readonly kind: 'loopback' | 'remote';
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

  get userCode(): undefined {
    return undefined;
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
