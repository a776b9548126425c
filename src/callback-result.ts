import { inspect, redact, type Inspect } from './callback-response.ts';

/** The container of the seed's way of waiting: filled once, then signalled through `resultReady`. */
export class OAuthCallbackResult {
  code: string | undefined = undefined;
  state: string | undefined = undefined;
  error: Error | undefined = undefined;

  toJSON(): object {
    return redact({ code: this.code, state: this.state, error: this.error?.message });
  }

  toString(): string {
    return `OAuthCallbackResult ${JSON.stringify(this)}`;
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `OAuthCallbackResult ${print(this.toJSON(), options)}`;
  }
}
