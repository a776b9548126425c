import type { IncomingMessage } from 'node:http';

/** What a framework may have read before us. */
interface MaybeParsed {
  body?: unknown;
}

/** The body as text, byte for byte; undefined where it is longer than `most` bytes. */
export async function readBody(request: IncomingMessage, most: number): Promise<string | undefined> {
  if (request.readableEnded) {
    const parsed = parsedBody((request as MaybeParsed).body);
    return Buffer.byteLength(parsed) > most ? undefined : parsed;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  // Not `for await`, which destroys the socket on leaving early and with it the answer.
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= most) chunks.push(chunk);
      else resolve(undefined);
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client went away')));
  });
}

/** A framework's parser has consumed the body: its values, put back into a form. */
function parsedBody(body: unknown): string {
  if (typeof body === 'string') return body;
  if (Buffer.isBuffer(body)) return body.toString('latin1');
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body ?? {})) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      // What a parser has nested had another name: `code[x]` is no code.
      if (typeof each === 'string') form.append(name, each);
    }
  }
  return form.toString();
}
