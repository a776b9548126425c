import { firstValueFrom } from 'rxjs';
import { TokenError } from '../login/errors.ts';
import { refresh, type RefreshOptions } from '../login/refresh.ts';
import { codeOf } from './asking.ts';
import type { Challenge } from './challenge.ts';
import type { Need } from './need.ts';
import { secretOf, type Clients } from './clients.ts';
import { isAlive, type Credentials } from './credentials.ts';
import type { Discovered, Discovery } from './discovery.ts';
import { InsufficientScopeError, SignInRequiredError, type SignInReason } from './errors.ts';
import type { HeldTokens } from './held.ts';
import type { Open } from './options.ts';
import type { Report } from './report.ts';
import type { Fetch } from '../login/requests.ts';
import { includesScopes, neededScopes, scopesToRequest, unionOf } from './scopes.ts';
import type { SignIns } from './sign-ins.ts';

/** Sources of new tokens. */
export interface Sources {
  readonly server: string;
  readonly held: HeldTokens;
  readonly clients: Clients;
  readonly discovery: Discovery;
  readonly signIns: SignIns;
  readonly report: Report;
  readonly fetch: Fetch;
}

/** Gets new tokens for one server: from another process, by a refresh, or from the person. */
export class Renewal {
  readonly #from: Sources;
  readonly #need: Need;
  readonly #signal: AbortSignal;

  constructor(from: Sources, need: Need, signal: AbortSignal) {
    this.#from = from;
    this.#need = need;
    this.#signal = signal;
  }

  /**
   * Resolves once there are other tokens than those that were used. The caller holds the lock of the server.
   *
   * @param used Access token that the server has rejected; undefined if the request had none.
   */
  async run(used: string | undefined): Promise<void> {
    const { held, report } = this.#from;
    const need = this.#need;
    await held.reload();
    const kept = held.credentials;
    if (kept && held.token !== used && isAlive(kept)) {
      report.refreshed(kept, 'another_process');
      return;
    }
    const mayRefresh = kept?.tokens.refresh_token !== undefined && !need.isStepUp && !need.mustAsk;
    let reason: SignInReason = need.isStepUp ? 'insufficient_scope' : kept ? 'tokens_refused' : 'no_tokens';
    const { scope } = need.challenge ?? {};
    if (scope !== undefined) this.#requireUnasked(kept, scope);
    if (!mayRefresh) this.#requirePerson(reason);
    const found = need.challenge && (await this.#discover(need.challenge, kept));
    if (kept && mayRefresh) {
      const hasMoved = found?.isNamed && !hasIssued(found, kept);
      if (!hasMoved && (await this.#refresh(kept, found))) return;
      reason = hasMoved ? 'issuer_changed' : 'refresh_refused';
    }
    // The request tells what the server wants now.
    if (!found) return;
    const open = this.#requirePerson(reason);
    await this.#ask(kept, found, open);
  }

  async #discover(challenge: Challenge, kept: Credentials | undefined): Promise<Discovered> {
    const { discovery, server, report } = this.#from;
    const { mustAsk, options } = this.#need;
    const { trustedIssuers, client } = options;
    // A server that rejects a new token may want one of another issuer.
    const before = mustAsk ? undefined : (kept?.publisher ?? kept?.tokens.issuer);
    const preferred = [before, client?.issuer].filter((each) => each !== undefined);
    const acceptable = { trustedIssuers, preferred };
    const found = await discovery.ofServer(server, challenge, acceptable, this.#signal);
    report.discovered(found.metadata.issuer, found.resource);
    return found;
  }

  /** Throws if the scopes to request were all requested before, or the request has had its step-up. */
  #requireUnasked(kept: Credentials | undefined, scope: string | undefined, needed = scope): void {
    const { isStepUp, hasSteppedUp, isExplicit } = this.#need;
    if (!isStepUp || isExplicit || !kept) return;
    const { scope: granted } = kept.tokens;
    if (hasSteppedUp || includesScopes(unionOf(kept.asked, granted), scope))
      throw new InsufficientScopeError(this.#from.server, needed ?? '', granted);
  }

  #requirePerson(reason: SignInReason): Open {
    const { challenge, open } = this.#need;
    const { report, server } = this.#from;
    report.required(reason, challenge?.scope);
    if (!open) throw new SignInRequiredError(server, reason, challenge?.scope);
    return open;
  }

  /** Resolves with true if there are new tokens, and with false once tokens that cannot be refreshed are forgotten. */
  async #refresh(kept: Credentials, found: Discovered | undefined): Promise<boolean> {
    const { held, clients, report } = this.#from;
    const { issuer } = kept.tokens;
    try {
      const tokens = await this.#requestRefresh(kept, found);
      const renewed = { ...kept, tokens };
      await held.keep(renewed, 'refresh');
      report.refreshed(renewed, 'us');
      return true;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.kept) await held.keep({ ...kept, tokens: error.kept }, 'store');
      const isOfClient = error.error === 'invalid_client' || error.error === 'unauthorized_client';
      // A client that was given can be mended by its owner only.
      const isGiven = this.#need.options.client?.id === kept.client.client_id;
      if (error.error !== 'invalid_grant' && !(isOfClient && !isGiven)) throw error;
      if (isOfClient) await clients.forget(issuer, kept.client);
      await held.drop();
      return false;
    }
  }

  async #requestRefresh(kept: Credentials, found: Discovered | undefined): Promise<Credentials['tokens']> {
    const { tokens, client, asked } = kept;
    const { discovery, fetch } = this.#from;
    const isSame = found !== undefined && hasIssued(found, kept);
    const as = isSame ? found : await discovery.ofCredentials(kept, this.#signal);
    const options: RefreshOptions = { metadata: as.metadata, ...secretOf(client), fetch };
    const send = (more: RefreshOptions): Promise<Credentials['tokens']> =>
      // Not aborted: the server may have used the refresh token up.
      firstValueFrom(refresh(tokens, { ...options, ...more }));
    try {
      return await send({});
    } catch (error) {
      const scope = tokens.scope ?? asked;
      if (scope === undefined || !wantsScope(error)) throw error;
      return send({ scope });
    }
  }

  async #ask(kept: Credentials | undefined, found: Discovered, open: Open): Promise<void> {
    const { server, held, clients, report, signIns } = this.#from;
    const { options } = this.#need;
    const scope = this.#scopeOf(kept, found);
    const asked = { server, found, scope, options, open, clients, report };
    const received = await signIns.ask(asked, this.#signal).catch((error: unknown) => {
      if (this.#need.isStepUp && isDeclined(error)) held.decline(scope);
      throw error;
    });
    await held.keep(received, 'person');
    report.signedIn(received);
  }

  #scopeOf(kept: Credentials | undefined, found: Discovered): string | undefined {
    const { options, challenge, isStepUp } = this.#need;
    const needed = challenge?.scope ?? found.scopes;
    const before = kept?.tokens.issuer === found.metadata.issuer ? kept : undefined;
    // Granted scopes are requested again, so that the person is asked once.
    const granted = before?.tokens.scope;
    const further = isStepUp ? unionOf(granted, before?.asked, needed) : granted;
    const sources = { own: options.scopes, named: needed, further };
    const scope = neededScopes(sources);
    this.#requireUnasked(before, scope, needed ?? '');
    return scopesToRequest(sources, found.metadata);
  }
}

/** Tells if an authorization server has issued tokens. Only the same publisher may speak for a trusted issuer. */
function hasIssued({ metadata, publisher }: Discovered, kept: Credentials): boolean {
  return metadata.issuer === kept.tokens.issuer && publisher === kept.publisher;
}

/** Tells if the person, or the authorization server, does not want to grant what was requested. */
function isDeclined(error: unknown): boolean {
  return ['access_denied', 'invalid_scope'].includes(codeOf(error) ?? '');
}

/** Entra rejects a refresh for a resource without its scope. */
function wantsScope(error: unknown): boolean {
  if (!(error instanceof TokenError)) return false;
  return codeOf(error) === 'invalid_target' || error.message.includes('AADSTS');
}
