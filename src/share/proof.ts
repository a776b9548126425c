import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../base/random.ts';
import { version } from '../base/version.ts';
import { sameKey } from '../store/same-key.ts';

/** Version of the protocol between the processes that share a port. */
export const protocol = 1;

/** Path of the bridge by which processes share a port. */
export const sharePath = '/share';

/** Path at which a server proves that it knows the secret. */
export const proofPath = '/share/proof';

/** Header with the number that a server has to sign. */
export const nonceHeader = 'share-nonce';

const nonceForm = /^[\w-]{43}$/;

/** Answer of a server. */
export interface Proof {
  readonly protocol: number;
  /** Version of the package. */
  readonly version: string;
  readonly redirectUri: string;
  /** Signature of the members above, the port and the nonce. */
  readonly proof: string;
}

/** Knows the secret of a user, for one port. */
export class Prover {
  readonly port: number;
  readonly #secret: Buffer;

  constructor(secret: Buffer, port: number) {
    this.#secret = secret;
    this.port = port;
  }

  /** Token with which a process connects to the bridge, once the server has proven itself on the same connection. */
  get token(): string {
    return this.#sign('client');
  }

  newNonce(): string {
    return randomToken();
  }

  prove(redirectUri: string, nonce: string): Proof {
    return {
      protocol,
      version,
      redirectUri,
      proof: this.#proofOf({ protocol, version, redirectUri }, nonce),
    };
  }

  /** Tells if a server has signed its answer, with the secret of this user and for this nonce. */
  isProven(answer: unknown, nonce: string): answer is Proof {
    if (typeof answer !== 'object' || answer === null) return false;
    const { protocol, version, redirectUri, proof } = answer as Partial<Record<keyof Proof, unknown>>;
    if (!Number.isInteger(protocol) || typeof version !== 'string' || typeof redirectUri !== 'string')
      return false;
    const expected = this.#proofOf({ protocol: protocol as number, version, redirectUri }, nonce);
    return typeof proof === 'string' && /^[\w-]{43}$/.test(proof) && sameKey(proof, expected);
  }

  #proofOf({ protocol, version, redirectUri }: Omit<Proof, 'proof'>, nonce: string): string {
    return this.#sign('server', String(protocol), version, redirectUri, nonce);
  }

  #sign(...parts: readonly string[]): string {
    const text = JSON.stringify([...parts, this.port]);
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

/** Answers a request at the path of proofs. */
export function answerProof(
  request: IncomingMessage,
  response: ServerResponse,
  prover: Prover,
  redirectUri: string,
): void {
  const nonce = request.headers[nonceHeader];
  const isGood = request.method === 'GET' && typeof nonce === 'string' && nonceForm.test(nonce);
  const body = isGood ? JSON.stringify(prover.prove(redirectUri, nonce)) : '';
  response.writeHead(isGood ? 200 : 400, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}
