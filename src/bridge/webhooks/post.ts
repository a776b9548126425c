import type { ClientRequest, RequestOptions } from 'node:http';
import { publicLookup } from './public-address.ts';
import type { Target } from './options.ts';

const timeoutMs = 10_000;
// A longer answer is cut off. Only the status counts.
const maxAnswer = 16_384;

/** Sends a request to a target, and resolves with the status of its answer. Follows no redirect and uses no proxy. */
export async function post(
  { url, isPrivate }: Target,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<number> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    signal: AbortSignal.timeout(timeoutMs),
    agent: false,
    ...(!isPrivate && { lookup: publicLookup() }),
  };
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error('the connection closed without an answer'));
    const asked: ClientRequest = request(url, options, (answer) => {
      asked.off('close', closed);
      let size = 0;
      answer.on('error', () => undefined);
      answer.on('data', ({ length }: Buffer) => {
        size += length;
        if (size > maxAnswer) asked.destroy();
      });
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject);
    // Without an error too, as after an answer of 101.
    asked.on('close', closed);
    asked.end(body);
  });
}
