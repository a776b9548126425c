import { inspect, redact, type Inspect } from './callback-response.ts';

/**
 * Container for the first accepted response. The server fills it once and then signals `resultReady`.
 *
 * Printing it shows neither `code` nor the whole `state`.
 *
 * @example
 * import { createOAuthCallbackServer, OAuthCallbackResult } from 'rx-oauth-callback';
 *
 * const resultContainer = new OAuthCallbackResult();
 * const server = createOAuthCallbackServer({
 *   resultContainer,
 *   resultReady: { complete: () => console.log(resultContainer.error ?? 'signed in') },
 * });
 * await server.listen();
 */
export class OAuthCallbackResult {
  code: string | undefined = undefined;
  state: string | undefined = undefined;
  error: Error | undefined = undefined;
  /** Issuer that sent the response. @see RFC 9207 section 2 */
  iss: string | undefined = undefined;

  toJSON(): object {
    return redact({ code: this.code, state: this.state, error: this.error?.message, iss: this.iss });
  }

  toString(): string {
    return `OAuthCallbackResult ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `OAuthCallbackResult ${print(this.toJSON(), options)}`;
  }
}
