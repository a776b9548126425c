/** A real authorization server for MCP servers, with switches. No person is needed: `person.ts` has one who opens its URLs. */
import { once } from 'node:events';
import { startProvider, type SignInProvider } from '../provider.ts';
import { Front } from './front.ts';
import { observe } from './observation.ts';
import { Records, type AccessTokens } from './records.ts';
import { settingsOf } from './settings.ts';
import { newSwitches, type AuthorizationServerCounts, type AuthorizationServerSwitches } from './switches.ts';

export interface AuthorizationServerOptions {
  /** Switches from the start. */
  switches?: Partial<AuthorizationServerSwitches>;
  /** False if clients cannot register. @default true */
  registration?: boolean;
  /** Clients known beforehand, as metadata of RFC 7591 with `client_id` and perhaps `client_secret`. @default [] */
  clients?: readonly object[];
  /** Documents of clients by URL; with them the server supports client ids that are URLs. @default undefined */
  documents?: Readonly<Record<string, object>>;
  /** `token_endpoint_auth_methods_supported`. @default the provider's, `none` among them */
  authenticationMethods?: readonly string[];
  /** True if the issuer ends with a slash, in the metadata and wherever else it is named. @default false */
  trailingSlash?: boolean;
}

export class AuthorizationServer implements AsyncDisposable {
  readonly issuer: string;
  readonly switches: AuthorizationServerSwitches;
  readonly #provider: SignInProvider;
  readonly #records: Records;

  constructor(provider: SignInProvider, switches: AuthorizationServerSwitches, records: Records) {
    this.issuer = provider.issuer;
    this.switches = switches;
    this.#provider = provider;
    this.#records = records;
  }

  get counts(): AuthorizationServerCounts {
    return this.#records.counts;
  }

  /** Errors answered, one a line, such as `grant: invalid_grant, grant request is invalid, refresh token not found`. */
  get log(): readonly string[] {
    return this.#records.log;
  }

  /** Access tokens that the server has issued. */
  get accessTokens(): AccessTokens {
    return this.#records.accessTokens;
  }

  /** Resolves with the published metadata. */
  async metadata(): Promise<Record<string, unknown>> {
    const { origin } = this.#provider.loopback;
    const answer = await fetch(`${origin}/.well-known/openid-configuration`);
    return (await answer.json()) as Record<string, unknown>;
  }

  /** Forgets a client, or all that have registered so far. A browser gets `forgottenStatus`, a program `invalid_client`. */
  forget(clientId?: string): void {
    const { registered, forgotten } = this.#records;
    for (const id of clientId === undefined ? registered : [clientId]) forgotten.add(id);
  }

  /** Revokes every refresh token issued so far. */
  async revokeRefreshTokens(): Promise<void> {
    const { RefreshToken } = this.#provider.provider;
    await Promise.all([...this.#records.grants].map((grant) => RefreshToken.revokeByGrantId(grant)));
  }

  /** Stops listening: connections are refused until `restart()`. */
  async stop(): Promise<void> {
    const { http } = this.#provider.loopback;
    const closed = once(http, 'close');
    http.close();
    http.closeAllConnections();
    await closed;
  }

  /** Listens on the same port again. */
  async restart(): Promise<void> {
    const { http, port } = this.#provider.loopback;
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider[Symbol.asyncDispose]();
  }
}

export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const records = new Records();
  const switches = newSwitches();
  const front = new Front(switches, records, (id) => provider.provider.Client.find(id));
  const provider = await startProvider({
    issuerOf: (origin) => (options.trailingSlash ? `${origin}/` : origin),
    configuration: await settingsOf(options, switches, records),
    user: () => ({
      answer: switches.denials > 0 && switches.denials-- > 0 ? 'deny' : 'allow',
      account: switches.account,
    }),
    prepare: (made) => observe(made, switches, records),
    intercept: (request, response) => front.answers(request, response),
  });
  Object.assign(switches, { iss: provider.issuer }, options.switches);
  return new AuthorizationServer(provider, switches, records);
}
