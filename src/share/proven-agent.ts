import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { nonceHeader, proofPath, type Proof, type Prover } from './proof.ts';

/** Proof that a connection to the holder of a port has brought, or the reason why not. */
export type Shown =
  | { readonly type: 'proven'; readonly proof: Proof }
  /** It is gone, or starts or stops: another attempt may end otherwise. */
  | { readonly type: 'gone' }
  /** It answers as a server of this package does for a moment while it starts or stops, and as many others always do. */
  | { readonly type: 'unready' }
  | { readonly type: 'stranger' }
  | { readonly type: 'silent' };

const maxAnswer = 4_096;
const silenceMs = 1_000;

/**
 * Opens connections on which the server has proven first that it knows the secret, so that nothing is sent to a stranger who has
 * taken the port between two connections.
 */
export class ProvenAgent extends Agent {
  readonly #prover: Prover;
  readonly #onShown: (shown: Shown) => void;

  /** @param onShown Called with what each connection has shown. */
  constructor(prover: Prover, onShown: (shown: Shown) => void) {
    super({ keepAlive: false });
    this.#prover = prover;
    this.#onShown = onShown;
  }

  override createConnection(
    _options: object,
    done?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const socket = connect(this.#prover.port, '127.0.0.1');
    socket.unref();
    void askForProof(socket, this.#prover).then((shown) => {
      this.#onShown(shown);
      if (shown.type === 'proven') done?.(null, socket);
      else {
        socket.destroy();
        done?.(new Error(`the holder of the port is ${shown.type}`), socket);
      }
    });
    return undefined;
  }
}

/** Asks the server for its proof, and leaves the connection for the next request. */
async function askForProof(socket: Socket, prover: Prover): Promise<Shown> {
  const nonce = prover.newNonce();
  socket.write(
    `GET ${proofPath} HTTP/1.1\r\nHost: 127.0.0.1:${prover.port}\r\n${nonceHeader}: ${nonce}\r\n\r\n`,
  );
  const answer = await readAnswer(socket);
  if (typeof answer === 'string') return { type: answer };
  if (answer.status === 404 || answer.status === 503) return { type: 'unready' };
  const proof = answer.status === 200 ? parse(answer.body) : undefined;
  return prover.isProven(proof, nonce) ? { type: 'proven', proof } : { type: 'stranger' };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Reads one answer and no more. */
function readAnswer(socket: Socket): Promise<Answer | 'gone' | 'silent' | 'stranger'> {
  return new Promise((resolve) => {
    let text = '';
    const end = (result: Answer | 'gone' | 'silent' | 'stranger'): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('error', onEnd).off('close', onEnd);
      // An error that comes later belongs to the request after this one, or to nobody.
      socket.on('error', () => undefined);
      resolve(result);
    };
    const onData = (data: Buffer): void => {
      text += data.toString('latin1');
      const answer = answerIn(text);
      if (answer) end(answer);
      else if (text.length > maxAnswer || !'HTTP/1.1 '.startsWith(text.slice(0, 9))) end('stranger');
    };
    const onEnd = (): void => end('gone');
    const timer = setTimeout(() => end('silent'), silenceMs);
    socket.on('data', onData).on('error', onEnd).on('close', onEnd);
  });
}

/** Returns the answer that a text begins with, once it is whole. */
function answerIn(text: string): Answer | undefined {
  const [, status, head = '', body = ''] =
    /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n([^]*?)\r\n\r\n([^]*)$/.exec(text) ?? [];
  if (status === undefined) return undefined;
  const length = Number(/^content-length: *(\d+) *$/im.exec(head)?.[1] ?? '0');
  return body.length >= length ? { status: Number(status), body: body.slice(0, length) } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
