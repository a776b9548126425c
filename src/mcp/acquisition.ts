import { catchError, firstValueFrom, map, of, switchMap } from 'rxjs';
import { abortable } from '../base/abortable.ts';
import type { Fetch } from '../login/requests.ts';
import { revoke } from '../login/revoke.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { Clients, secretOf } from './clients.ts';
import type { Credentials } from './credentials.ts';
import { Discovery, type AuthorizationServer } from './discovery.ts';
import type { HeldTokens } from './held.ts';
import type { Need } from './need.ts';
import type { ReadOptions } from './options.ts';
import { Renewal } from './renewal.ts';
import type { Report } from './report.ts';
import { SignIns } from './sign-ins.ts';
import { Turns } from './turns.ts';
import type { Vault } from './vault.ts';

/** A server whose tokens are renewed. */
export interface Renewed {
  readonly server: string;
  readonly held: HeldTokens;
  readonly vault: Vault;
  readonly report: Report;
}

/** Gets tokens from authorization servers, for all servers. Loaded when the first server asks for a token. */
export class Acquisition {
  readonly #options: ReadOptions;
  readonly #fetch: Fetch;
  readonly #discovery: Discovery;
  readonly #signIns: SignIns;

  /** @param fetch Sends requests to authorization servers. */
  constructor(options: ReadOptions, fetch: Fetch, host: () => Promise<CallbackHost>) {
    this.#options = options;
    this.#fetch = fetch;
    this.#discovery = new Discovery(fetch);
    this.#signIns = new SignIns(options, new Turns(options.tabs), host);
  }

  /**
   * Resolves once there are other tokens than those that were used. The caller holds the lock of the server.
   *
   * @param used Access token that the server has rejected; undefined if the request had none.
   */
  async renew(
    { server, held, vault, report }: Renewed,
    need: Need,
    used: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const clients = new Clients(this.#options, vault, this.#fetch);
    const [discovery, signIns, fetch] = [this.#discovery, this.#signIns, this.#fetch];
    await new Renewal({ server, held, clients, discovery, signIns, report, fetch }, need, signal).run(used);
  }

  /** Resolves with the authorization server that has issued tokens. */
  authorizationServer(credentials: Credentials, signal: AbortSignal): Promise<AuthorizationServer> {
    return this.#discovery.ofCredentials(credentials, signal);
  }

  /** Resolves with true if the authorization server has revoked the tokens. */
  revoke(credentials: Credentials): Promise<boolean> {
    const { tokens, client } = credentials;
    return firstValueFrom(
      abortable((signal) => this.authorizationServer(credentials, signal)).pipe(
        switchMap(({ metadata }) => revoke(tokens, { metadata, ...secretOf(client), fetch: this.#fetch })),
        map((names) => names.length > 0),
        catchError(() => of(false)),
      ),
    );
  }
}
