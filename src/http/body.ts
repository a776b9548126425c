import type { IncomingMessage } from 'node:http';

/** A request whose body a framework may have parsed. */
interface MaybeParsed {
  body?: unknown;
}

/** Reads the body as text, one character a byte. Resolves to undefined if it is longer than `maxBytes` bytes. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  if (request.readableEnded) {
    const parsed = parsedBody((request as MaybeParsed).body);
    return parsed.length > maxBytes ? undefined : parsed;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  // Not `for await`: leaving that loop early destroys the socket, so that no answer can be sent.
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else resolve(undefined);
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client disconnected')));
  });
}

/**
 * Turns what a framework's parser has left into a form again, as its sender wrote it.
 *
 * A form that this cannot tell for certain becomes one that the callback path rejects.
 */
function parsedBody(body: unknown): string {
  if (typeof body === 'string') return Buffer.from(body).toString('latin1');
  if (body instanceof ArrayBuffer) return Buffer.from(body).toString('latin1');
  if (ArrayBuffer.isView(body))
    return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  const isList = body instanceof URLSearchParams || body instanceof FormData;
  const pairs: [string, unknown][] = isList ? [...body] : Object.entries(body ?? {}).flatMap(valuesOf);
  return pairs.flatMap(pairOf).join('&');
}

function valuesOf([name, value]: [string, unknown]): [string, unknown][] {
  if (!Array.isArray(value)) return [[name, value]];
  // A parser makes a list of one value for `code[]`, which is another parameter, and of several for a repeated `code`.
  return value.length > 1 ? value.map((each) => [name, each]) : [];
}

/** Writes a pair of a form. A nested value had another name in the form: `code[x]` is not `code`. */
function pairOf([name, value]: [string, unknown]): string[] {
  if (typeof value !== 'string') return [];
  const pair = new URLSearchParams([[name, value]]).toString();
  // A parser leaves a value as it is if its bytes are not UTF-8.
  return [isDecoded(value) ? pair : pair.replaceAll('%25', '%')];
}

/** Tells if a value may have been decoded: one that cannot be decoded may be the text that was sent. */
function isDecoded(value: string): boolean {
  try {
    decodeURIComponent(value);
    return true;
  } catch {
    return false;
  }
}
