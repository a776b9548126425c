import { concatMap, firstValueFrom, merge, Subject } from 'rxjs';
import { sha256 } from '../base/sha256.ts';
import type { ClientSource } from '../login/client.ts';
import { AuthorizationRequestError, TokenError } from '../login/errors.ts';
import type { AuthorizeEvent, SignInEvent } from '../login/events.ts';
import { tokens as tokensOf } from '../login/operators.ts';
import type { ReadSignInOptions } from '../login/options.ts';
import { attempt } from '../login/sign-in.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { AuthorizationError, FlowCancelledError } from '../model/errors.ts';
import type { ChosenClient, Clients } from './clients.ts';
import type { Credentials } from './credentials.ts';
import type { Discovered } from './discovery.ts';
import { flowNamesOf } from './flow-names.ts';
import type { Open, ReadOptions, ReadServerOptions } from './options.ts';
import { isRejected } from './preflight.ts';
import type { Report } from './report.ts';
import { aborting } from './signals.ts';
import { commonScopes, includesScopes, offlineAccess, unionOf } from './scopes.ts';

/** Request to a person. */
export interface Asked {
  readonly server: string;
  readonly found: Discovered;
  /** Scopes to request, separated by spaces. */
  readonly scope: string | undefined;
  readonly options: ReadServerOptions;
  readonly open: Open;
  readonly clients: Clients;
  readonly report: Report;
}

/** The authorization server does not know the kept registration. */
class StaleRegistrationError extends Error {}

/** Sign-in of a person, with a client. */
export class Asking {
  readonly #options: ReadOptions;
  readonly #asked: Asked;
  /** Id of a registration that the authorization server has rejected. */
  readonly #rejected: string | undefined;
  #chosen: ChosenClient | undefined;
  #authorize: AuthorizeEvent | undefined;

  constructor(options: ReadOptions, asked: Asked, rejected?: string) {
    this.#options = options;
    this.#asked = asked;
    this.#rejected = rejected;
  }

  /** Resolves with the tokens. Rejects with the error of the sign-in, or the reason of the signal. */
  async run(host: CallbackHost, signal: AbortSignal): Promise<Pick<Credentials, 'tokens' | 'client'>> {
    const unopened = new Subject<never>();
    const events = attempt(this.#signInOptions(host), this.#clientOf).pipe(
      concatMap((event) => this.#follow(event, unopened)),
    );
    const tokens = await firstValueFrom(merge(aborting(signal), unopened, events).pipe(tokensOf()));
    if (!this.#chosen) throw new Error('tokens were issued to no client');
    return { tokens, client: this.#chosen.record };
  }

  /** Returns the sign-in to try after an error of this one; undefined if it would fail too. */
  again(error: unknown): Asking | undefined {
    const chosen = this.#chosen;
    // A client that was given, or that has a document, stays as it is.
    if (chosen?.record.redirect_uri === undefined) return undefined;
    const { how, record, client } = chosen;
    const { scope } = this.#asked;
    if (how === 'kept' && isOfClient(error)) return this.#with(scope, record.client_id);
    const registered = client.registration?.['scope'];
    if (codeOf(error) !== 'invalid_scope' || typeof registered !== 'string') return undefined;
    if (includesScopes(registered, scope)) return undefined;
    // The server has registered less than it was asked for.
    const common = commonScopes(registered, scope);
    return common === undefined ? this.#with(scope, record.client_id) : this.#with(common, undefined);
  }

  #with(scope: string | undefined, rejected: string | undefined): Asking {
    return new Asking(this.#options, { ...this.#asked, scope }, rejected);
  }

  #signInOptions(host: CallbackHost): ReadSignInOptions {
    const { server, found, scope } = this.#asked;
    const { metadata, isPublished, resource } = found;
    const { fetch, clientName, timeout } = this.#options;
    const { issuer } = metadata;
    return {
      issuer,
      metadata,
      host,
      fetch,
      clientName,
      timeout,
      device: 'never',
      requirePkce: isPublished,
      ...flowNamesOf(server),
      ...(scope !== undefined && { scope }),
      ...(resource !== undefined && { resource }),
      // A response that was meant for another issuer arrives at another redirect URI (RFC 9700 section 4.4.2.2).
      ...(!this.#unregistered() && { context: sha256(issuer, 'base64url') }),
    };
  }

  readonly #clientOf: ClientSource = async (options, metadata, redirectUri = '', signal) => {
    const { clients, report, scope, found } = this.#asked;
    const known = this.#unregistered();
    const further = unionOf(found.scopes, offlineAccess(metadata));
    const wanted = { redirectUri, scope, further, rejected: this.#rejected };
    this.#chosen = known
      ? { ...known, client: await clients.clientOf(known.record, metadata) }
      : await clients.registered(options, metadata, wanted, signal);
    report.client(metadata.issuer, this.#chosen.how);
    return this.#chosen.client;
  };

  #unregistered(): ReturnType<Clients['unregistered']> {
    const { clients, options, found } = this.#asked;
    return clients.unregistered(options.client, found.metadata);
  }

  async #follow(event: SignInEvent, unopened: Subject<never>): Promise<SignInEvent> {
    const { report } = this.#asked;
    if (event.type === 'authorize') {
      await this.#requireKnown(event);
      this.#authorize = event;
    } else if (event.type === 'waiting') this.#open(event.expiresAt, unopened);
    else if (event.type === 'received') report.received(event.flowId);
    return event;
  }

  /** Throws if the authorization server would show an error page to the person. */
  async #requireKnown({ authorizationUrl: url, binding }: AuthorizeEvent): Promise<void> {
    // The host has no way to ask for a code.
    if (binding === 'code')
      throw new FlowCancelledError(
        "the callback host asks for a code; mcpAuth requires the binding 'cookie' or 'none'",
      );
    // A request that was pushed has been checked, and its reference can be used once only (RFC 9126 section 4).
    if (this.#chosen?.how !== 'kept' || url.searchParams.has('request_uri')) return;
    if (await isRejected(url, this.#options.fetch)) throw new StaleRegistrationError();
  }

  #open(expiresAt: number, unopened: Subject<never>): void {
    if (!this.#authorize) return;
    const { report, found, server, open } = this.#asked;
    const { url, flowId } = this.#authorize;
    report.authorize(found.metadata.issuer, flowId, expiresAt, url);
    // It may take as long as the browser is open.
    void Promise.resolve()
      .then(() => open(url, server))
      .catch((cause: unknown) => {
        unopened.error(new FlowCancelledError('open failed, so the sign-in was cancelled', { cause }));
      });
  }
}

/** Tells if an error may be due to a registration that the authorization server has forgotten or changed. */
function isOfClient(error: unknown): boolean {
  if (error instanceof StaleRegistrationError) return true;
  return ['invalid_client', 'unauthorized_client', 'invalid_scope'].includes(codeOf(error) ?? '');
}

/** Returns the OAuth error code of an error. */
export function codeOf(error: unknown): string | undefined {
  const isReported =
    error instanceof TokenError ||
    error instanceof AuthorizationError ||
    error instanceof AuthorizationRequestError;
  return isReported ? error.error : undefined;
}
