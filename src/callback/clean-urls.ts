import { createHmac, timingSafeEqual } from 'node:crypto';
import { randomToken } from '../base/random.ts';
import type { FinishedKind } from '../page/answers.ts';
import type { Language } from '../page/texts.ts';

/** Page that a clean URL stands for. */
export interface FinishedPage {
  readonly kind: FinishedKind;
  readonly language: Language;
}

/**
 * Queries of clean URLs, `~KIND.LANGUAGE.NONCE.MAC`, by which any node with the secret can show the page again.
 *
 * A query and not a path, because proxies and frameworks may route the callback path only. It carries no text of a provider:
 * the URL can be passed on, and the page stands on the origin of the service.
 */
export class CleanUrls {
  readonly #secret: () => string;

  /** @param secret Returns the secret of the nodes that share the callback URL. */
  constructor(secret: () => string) {
    this.#secret = secret;
  }

  queryOf({ kind, language }: FinishedPage): string {
    const signed = `${kind}.${language}.${randomToken(12)}`;
    return `~${signed}.${this.#mac(signed).toString('base64url')}`;
  }

  /** Returns the page of a query; undefined if no node with this secret has made it. */
  read(query: string): FinishedPage | undefined {
    const [, signed = '', kind = '', language = '', mac = ''] =
      /^~((\w{1,16})\.([\w-]{1,16})\.[\w-]{16})\.([\w-]{22})$/.exec(query) ?? [];
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(signed);
    return given.length === expected.length && timingSafeEqual(given, expected)
      ? ({ kind, language } as FinishedPage)
      : undefined;
  }

  #mac(signed: string): Buffer {
    // 128 bits are enough for a value that gives access to nothing.
    return createHmac('sha256', this.#secret()).update(`clean-url:${signed}`).digest().subarray(0, 16);
  }
}
