/** A client of HTTP/2. */
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { deadline } from './assert.ts';
import { certificate } from './tls.ts';

/** Status 0: the server has reset the stream. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends one request over a connection of its own.
 *
 * @param headers Pseudo-headers too. A `:authority` of null is left out, as a client does that sends `Host` instead.
 */
export async function askOverHttp2(
  origin: string,
  { ':authority': authority, ...headers }: OutgoingHttpHeaders & { ':authority'?: string | null },
  body?: string,
): Promise<Http2Answer> {
  const session = connect(origin, { ca: certificate.cert });
  const failed = once(session, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  try {
    const asking = session.request(
      { ...headers, ...(authority !== null && { ':authority': authority ?? new URL(origin).host }) },
      { endStream: body === undefined },
    );
    if (body !== undefined) asking.end(body);
    const answered = once(asking, 'response').catch(() => [{ ':status': 0 }]);
    const answer = await deadline(Promise.race([answered, failed]), 'an answer over HTTP/2');
    const [head] = answer as [IncomingHttpHeaders];
    if (Number(head[':status']) === 0) return { status: 0, headers: {}, body: '' };
    const { ':status': status, ...others } = head as IncomingHttpHeaders & { ':status': number };
    return { status, headers: others, body: await text(asking) };
  } finally {
    session.destroy();
  }
}
