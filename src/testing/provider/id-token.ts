import { generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

// Made at the first ID token, because it takes 100 ms, and shared by all providers of the process.
let made: Promise<KeyPair> | undefined;

const keyPair = (): Promise<KeyPair> =>
  (made ??= promisify(generateKeyPair)('rsa', { modulusLength: 2_048 }));

const kid = 'fake-provider';

/** Resolves with the key set that ID tokens are signed with. @see RFC 7517 section 5 */
export async function keySet(): Promise<object> {
  const { publicKey } = await keyPair();
  return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] };
}

/** Signs an ID token. @see OpenID Connect Core section 2 */
export async function signIdToken(claims: Readonly<Record<string, unknown>>): Promise<string> {
  const { privateKey } = await keyPair();
  const signed = `${encoded({ alg: 'RS256', typ: 'JWT', kid })}.${encoded(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
