import { BehaviorSubject, type Observable } from 'rxjs';
import { isSignInError } from '../login/errors.ts';
import { FlowCancelledError } from '../model/errors.ts';
import type { Acquisition } from './acquisition.ts';
import { isAlive, type Credentials } from './credentials.ts';
import type { AuthorizationServer } from './discovery.ts';
import type { McpEvent, McpStatus } from './events.ts';
import { HeldTokens, type Held } from './held.ts';
import type { ReadOptions } from './options.ts';
import type { Need } from './need.ts';
import { Report } from './report.ts';
import { passedOn } from './passed-on.ts';
import { tokensKey, Vault } from './vault.ts';

/** Parts that the sessions of one `mcpAuth` share. */
export interface Shared {
  readonly options: ReadOptions;
  readonly acquisition: () => Promise<Acquisition>;
  readonly emit: (event: McpEvent) => void;
  /** Takes the exceptions of subscribers. */
  readonly report: (error: unknown) => void;
  /** Aborts when the `mcpAuth` closes. */
  readonly closed: AbortSignal;
}

/** Renewal that is under way. */
interface Work {
  readonly done: Promise<void>;
  readonly controller: AbortController;
  /** True if a request waits for it. It then goes on if the request ends. */
  isRequested: boolean;
  /** Number of callers of `signIn` that wait for it. */
  watchers: number;
}

/** Renewal that has failed. */
interface Failure {
  readonly error: unknown;
  readonly moment: number;
}

/** The tokens of one account at one server. Renews them once for all that need it. */
export class ServerSession {
  readonly server: string;
  readonly account: string;
  readonly report: Report;
  readonly #key: string;
  readonly #shared: Shared;
  readonly #vault: Vault;
  readonly #held: HeldTokens;
  readonly #isRenewing = new BehaviorSubject(false);
  #loading: Promise<void> | undefined;
  #work: Work | undefined;
  #failure: Failure | undefined;
  #moment = 0;

  constructor(server: string, account: string, shared: Shared) {
    const { options } = shared;
    const report = new Report(server, account, shared);
    this.server = server;
    this.account = account;
    this.report = report;
    this.#shared = shared;
    this.#key = tokensKey(server, account);
    this.#vault = new Vault(options.store, (error) => report.warn(error));
    this.#held = new HeldTokens(this.#key, this.#vault);
  }

  get held(): Held | undefined {
    return this.#held.held;
  }

  get credentials(): Credentials | undefined {
    return this.#held.credentials;
  }

  /** Number of renewals that have ended. A request that began before a failure shares it. */
  get moment(): number {
    return this.#moment;
  }

  /** True if no renewal is under way. */
  get isIdle(): boolean {
    return this.#work === undefined;
  }

  /** Emits if a renewal is under way, at once and at each change. */
  get isRenewing(): Observable<boolean> {
    return this.#isRenewing;
  }

  get status(): Observable<McpStatus> {
    return this.report.status;
  }

  /** Reads the stored tokens, once. */
  load(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  async #load(): Promise<void> {
    await this.#held.reload();
    if (this.#held.credentials) this.report.has(this.#held.credentials);
  }

  /** Refreshes tokens that expire soon. Goes on with them if that fails. */
  async refreshAhead(need: Omit<Need, 'challenge'>): Promise<void> {
    const { held } = this.#held;
    if (held?.credentials.tokens.refresh_token === undefined) return;
    const { credentials, from, since } = held;
    const { expiresAt = Infinity, access_token: token } = credentials.tokens;
    // Some servers say 0 for a token that does not expire.
    if (from !== 'store' && expiresAt <= since) return;
    const { margin } = this.#shared.options;
    // Tokens with a lifetime below the margin would be refreshed by each request.
    const early = from === 'store' ? margin : Math.min(margin, (expiresAt - since) / 2);
    if (expiresAt - early > Date.now()) return;
    try {
      await this.renew(token, { ...need, challenge: undefined }, this.#moment);
    } catch (error) {
      if (!isAlive(credentials)) throw error;
    }
  }

  /**
   * Resolves once there are other tokens than those that were used, with true if they were renewed for this caller. Joins the
   * renewal under way.
   *
   * @param used Access token that was rejected; undefined if there was none.
   * @param since Moment at which the request began.
   */
  async renew(used: string | undefined, need: Need, since: number): Promise<boolean> {
    for (let work = this.#work; work && this.#held.token === used; work = this.#work) {
      work.isRequested = true;
      await work.done;
    }
    if (this.#held.token !== used) return false;
    if (this.#failure && this.#failure.moment > since) throw this.#failure.error;
    const work = this.#begin(used, need);
    work.isRequested = true;
    await work.done;
    return true;
  }

  /**
   * Renews the tokens, or joins the renewal under way. Resolves with true if they were renewed for this caller.
   *
   * @param signal Leaves it. A renewal ends if nobody waits for it any more.
   */
  async signIn(need: Need, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const joined = this.#work;
    const work = joined ?? this.#begin(this.#held.token, need);
    work.watchers++;
    signal.addEventListener('abort', () => {
      work.watchers--;
      if (work.watchers === 0 && !work.isRequested) work.controller.abort(cancelled());
    });
    await work.done;
    return work !== joined;
  }

  #begin(used: string | undefined, need: Need): Work {
    this.#shared.closed.throwIfAborted();
    const controller = new AbortController();
    const work: Work = {
      done: this.#run(used, need, controller.signal),
      controller,
      isRequested: false,
      watchers: 0,
    };
    this.#work = work;
    const { challenge, isStepUp } = need;
    if (challenge) this.report.challenged(isStepUp ? 403 : 401, challenge.scope);
    this.#isRenewing.next(true);
    return work;
  }

  async #run(used: string | undefined, need: Need, signal: AbortSignal): Promise<void> {
    try {
      const renewed = { server: this.server, held: this.#held, vault: this.#vault, report: this.report };
      const renew = async (): Promise<void> => {
        signal.throwIfAborted();
        const acquisition = await this.#shared.acquisition();
        await acquisition.renew(renewed, need, used, signal);
      };
      await this.#vault.lock(this.#key, renew, signal);
      this.#failure = undefined;
    } catch (thrown) {
      // A request that was aborted fails in one way or another.
      const error: unknown = signal.aborted ? signal.reason : thrown;
      this.#failure = { error: passedOn(error), moment: this.#moment + 1 };
      // Any other error is a defect, which only the caller gets.
      if (isSignInError(error)) this.report.failed(error);
      throw error;
    } finally {
      this.#moment++;
      this.#work = undefined;
      this.#isRenewing.next(false);
    }
  }

  async #revoked(credentials: Credentials): Promise<boolean> {
    const acquisition = await this.#shared.acquisition();
    return acquisition.revoke(credentials);
  }

  /** Keeps tokens that another client has got with the refresh token of these. The caller has the lock. */
  async adopt(tokens: Credentials['tokens']): Promise<void> {
    const { credentials } = this.#held;
    if (!credentials) return;
    const renewed = { ...credentials, tokens };
    await this.#held.keep(renewed, 'refresh');
    this.report.refreshed(renewed, 'us');
  }

  /** Runs work that nobody else who has the store runs for this server, with the tokens as they are stored. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#vault.lock(this.#key, async () => {
      await this.#held.reload();
      return work();
    });
  }

  async authorizationServer(credentials: Credentials): Promise<AuthorizationServer> {
    const acquisition = await this.#shared.acquisition();
    return acquisition.authorizationServer(credentials, this.#shared.closed);
  }

  /** Forgets tokens that the authorization server has rejected. */
  drop(): Promise<void> {
    return this.#held.drop();
  }

  /** Forgets the tokens, whatever the authorization server answers to their revocation. */
  async signOut(wantsRevocation: boolean): Promise<void> {
    this.#work?.controller.abort(cancelled());
    await this.#vault.lock(this.#key, async () => {
      await this.#held.reload();
      const { credentials } = this.#held;
      const revoked = wantsRevocation && credentials !== undefined && (await this.#revoked(credentials));
      try {
        await this.#held.erase();
      } finally {
        this.report.signedOut(revoked);
      }
    });
  }

  /** Ends what waits. Resolves once nothing is under way. */
  async close(): Promise<void> {
    const work = this.#work;
    work?.controller.abort(cancelled());
    await work?.done.catch(() => undefined);
    this.report.complete();
    this.#isRenewing.complete();
  }
}

function cancelled(): FlowCancelledError {
  return new FlowCancelledError('the sign-in was cancelled');
}
