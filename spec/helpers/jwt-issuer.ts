/** An issuer of JWTs with a real server for its key set, and with switches for what may go wrong there. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { listenOnLoopback, type Loopback } from './loopback.ts';

export interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export async function newSigningKey(kid: string | undefined, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', ...(kid !== undefined && { kid }) };
  return { privateKey, publicKey, jwk };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export const audience = 'https://sign-in.example/bridge';

/** Claims of a good JWT at a time. @param now Seconds. */
export const claimsAt = (now: number): JWTPayload => ({
  iss: 'https://as.example',
  aud: audience,
  sub: 'ci',
  scope: 'listener',
  iat: now,
  exp: now + 300,
});

export class JwtIssuer implements AsyncDisposable {
  /** Keys that are published. */
  keys: SigningKey[];
  /** Requests for the key set. */
  asked = 0;
  /** Answers a request for the key set. */
  answer: Answer = (_request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(this.keySet));
  readonly #web: Loopback;

  constructor(web: Loopback, key: SigningKey) {
    this.#web = web;
    this.keys = [key];
  }

  static async start(key?: SigningKey): Promise<JwtIssuer> {
    const http = createServer();
    const issuer = new JwtIssuer(await listenOnLoopback(http), key ?? (await newSigningKey('one')));
    http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      issuer.asked++;
      issuer.answer(request, response);
    });
    return issuer;
  }

  get jwks(): string {
    return `${this.#web.origin}/jwks`;
  }

  get keySet(): { keys: JWK[] } {
    return { keys: this.keys.map(({ jwk }) => jwk) };
  }

  /** Signs a good JWT with a change of its claims and its header; undefined leaves one out. */
  sign(
    change: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
    key = this.keys.at(-1)!,
  ): Promise<string> {
    const claims = JSON.parse(
      JSON.stringify({ ...claimsAt(Math.floor(Date.now() / 1_000)), ...change }),
    ) as JWTPayload;
    const { alg = '', kid } = key.jwk;
    const all = { alg, typ: 'JWT', ...(kid !== undefined && { kid }), ...header };
    return new SignJWT(claims).setProtectedHeader(all).sign(key.privateKey, { crit: { 'urn:ours': true } });
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#web[Symbol.asyncDispose]();
  }
}
