import { createHmac } from 'node:crypto';

/**
 * Signs webhooks.
 *
 * @see https://www.standardwebhooks.com
 */
export class Signer {
  readonly #secrets: readonly Buffer[];

  /** @param secrets Each request has a signature of each. */
  constructor(secrets: readonly Buffer[]) {
    this.#secrets = secrets;
  }

  /** Returns the headers of a request. @param at Milliseconds since the epoch. */
  headersOf(id: string, at: number, body: string): Record<string, string> {
    const timestamp = String(Math.floor(at / 1_000));
    const signatures = this.#secrets.map((secret) => {
      const digest = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
      return `v1,${digest}`;
    });
    return { 'Webhook-Id': id, 'Webhook-Timestamp': timestamp, 'Webhook-Signature': signatures.join(' ') };
  }
}
