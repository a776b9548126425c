import { isDeepStrictEqual } from 'node:util';
import { BehaviorSubject, type Observable } from 'rxjs';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import { withoutUndefined } from '../base/without-undefined.ts';
import type { ClientOrigin } from './clients.ts';
import type { Credentials } from './credentials.ts';
import type { McpAuthError, SignInReason } from './errors.ts';
import {
  McpAuthorizeEvent,
  McpFailedEvent,
  type McpEvent,
  type McpStatus,
  type PlainMcpEvent,
} from './events.ts';

type Part<E> = E extends unknown ? Omit<E, 'at' | 'server' | 'account'> : never;

interface ReportOutlet {
  readonly emit: (event: McpEvent) => void;
  readonly report: (error: unknown) => void;
}

/** Reports what happens with one server: as events, and as its status. */
export class Report {
  readonly #server: string;
  readonly #account: string;
  readonly #emit: (event: McpEvent) => void;
  readonly #status = new BehaviorSubject<McpStatus>({ state: 'unknown' });
  readonly status: Observable<McpStatus>;

  constructor(server: string, account: string, { emit, report }: ReportOutlet) {
    this.#server = server;
    this.#account = account;
    this.#emit = emit;
    this.status = new IsolatedObservable(report, (subscriber) => this.#status.subscribe(subscriber));
  }

  challenged(status: 401 | 403, scope: string | undefined): void {
    this.#next({ type: 'challenged', status, ...(scope !== undefined && { scope }) });
  }

  discovered(issuer: string, resource: string | undefined): void {
    this.#next({ type: 'discovered', issuer, ...(resource !== undefined && { resource }) });
  }

  required(reason: SignInReason, scope: string | undefined): void {
    this.#stand({ state: 'sign_in_required', reason, ...(scope !== undefined && { scope }) });
  }

  client(issuer: string, how: ClientOrigin): void {
    this.#next({ type: 'client', issuer, how });
  }

  queued(position: number): void {
    this.#next({ type: 'queued', position });
    this.#stand({ state: 'queued', position });
  }

  authorize(issuer: string, flowId: string, expiresAt: number, url: URL): void {
    this.#emit(new McpAuthorizeEvent(this.#about(), issuer, flowId, expiresAt, url));
    this.#stand({ state: 'waiting', flowId, expiresAt });
  }

  received(flowId: string): void {
    this.#next({ type: 'received', flowId });
  }

  signedIn(credentials: Credentials): void {
    this.#emit(this.signedInEvent(credentials));
    this.has(credentials);
  }

  signedInEvent({ tokens: { issuer, scope, expiresAt } }: Credentials): McpEvent {
    const type = 'signed_in';
    return { ...this.#about(), type, issuer, ...withoutUndefined({ scope, expiresAt }) };
  }

  refreshed(credentials: Credentials, by: 'us' | 'another_process'): void {
    const { issuer, expiresAt } = credentials.tokens;
    this.#next({ type: 'refreshed', issuer, ...withoutUndefined({ expiresAt }), by });
    this.has(credentials);
  }

  /** The server takes the tokens, as far as is known. */
  has({ tokens: { issuer, scope, expiresAt, refresh_token } }: Credentials): void {
    const refreshable = refresh_token !== undefined;
    this.#stand({ state: 'signed_in', issuer, ...withoutUndefined({ scope, expiresAt }), refreshable });
  }

  open(): void {
    this.#stand({ state: 'open' });
  }

  /** Reports an error that ends nothing. */
  warn(error: McpAuthError): void {
    this.#emit(this.failedEvent(error));
  }

  failedEvent(error: McpAuthError): McpFailedEvent {
    return new McpFailedEvent(this.#about(), error);
  }

  failed(error: McpAuthError): void {
    this.warn(error);
    // A person who must sign in still must.
    if (error.code !== 'sign_in_required') this.#stand({ state: 'failed', error });
  }

  signedOut(revoked: boolean): void {
    this.#next({ type: 'signed_out', revoked });
    this.required('no_tokens', undefined);
  }

  complete(): void {
    this.#status.complete();
  }

  #about(): { at: number; server: string; account: string } {
    return { at: Date.now(), server: this.#server, account: this.#account };
  }

  #next(part: Part<PlainMcpEvent>): void {
    this.#emit({ ...this.#about(), ...part });
  }

  #stand(status: McpStatus): void {
    if (!isDeepStrictEqual(status, this.#status.value)) this.#status.next(status);
  }
}
