import type { CallbackHost } from '../model/callback-host.ts';
import { createOAuthCallbackServer } from '../server/create.ts';
import type { McpAuthOptions } from './options.ts';

// Maximum number of milliseconds that a page waits for its outcome. Longer than the timeout of the token request.
const settleTimeoutMs = 60_000;

/** The host of all sign-ins. It is asked for at the first one, so that valid tokens need no port. */
export class SignInHost {
  readonly #given: McpAuthOptions['host'];
  #own: CallbackHost | undefined;
  #opening: Promise<CallbackHost> | undefined;
  #isClosed = false;

  constructor(given: McpAuthOptions['host']) {
    this.#given = given;
  }

  open(): Promise<CallbackHost> {
    const opening = (this.#opening ??= this.#open());
    // The next sign-in tries again.
    opening.catch(() => (this.#opening = undefined));
    return opening;
  }

  /** Closes the host unless it was given. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#own?.close();
  }

  async #open(): Promise<CallbackHost> {
    const given = typeof this.#given === 'function' ? await this.#given() : this.#given;
    const host = given ?? (this.#own ??= createOAuthCallbackServer({ settle: settleTimeoutMs }));
    // A server that listens already goes on.
    if (isServer(host) && !this.#isClosed) await host.listen();
    return host;
  }
}

function isServer(host: CallbackHost): host is CallbackHost & { listen: () => Promise<void> } {
  return 'listen' in host && typeof host.listen === 'function';
}
