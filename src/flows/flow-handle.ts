import type { Observable } from 'rxjs';
import type { AuthorizationParameters } from '../model/authorization-url.ts';
import { inspect, redactState, type CallbackResponse, type Inspect } from '../model/callback-response.ts';
import type { Binding } from '../model/binding.ts';
import type { Flow, Outcome } from '../model/flow.ts';

/**
 * A flow as programs get it, with the members of `Flow` only.
 *
 * All of them are on the prototype, so that no printer, spread or assertion message shows the state.
 */
export class FlowHandle implements Flow {
  readonly #flow: Flow;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  get id(): string {
    return this.#flow.id;
  }

  get state(): string {
    return this.#flow.state;
  }

  get redirectUri(): string {
    return this.#flow.redirectUri;
  }

  get expiresAt(): number {
    return this.#flow.expiresAt;
  }

  get binding(): Binding {
    return this.#flow.binding;
  }

  get codeVerifier(): string {
    return this.#flow.codeVerifier;
  }

  get response(): Observable<CallbackResponse> {
    return this.#flow.response;
  }

  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL {
    return this.#flow.authorizationUrl(endpoint, params);
  }

  startUrl(url: string | URL): URL {
    return this.#flow.startUrl(url);
  }

  confirm(code: string): Promise<void> {
    return this.#flow.confirm(code);
  }

  settle(outcome: Outcome): void {
    this.#flow.settle(outcome);
  }

  cancel(reason?: unknown): void {
    this.#flow.cancel(reason);
  }

  toJSON(): object {
    return { id: this.id, state: redactState(this.state), redirectUri: this.redirectUri };
  }

  toString(): string {
    return `Flow ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Flow ${print(this.toJSON(), options)}`;
  }
}
