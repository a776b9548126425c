import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';

/** What an operator may ask of a service. */
export interface Operated {
  metrics: () => Promise<Metrics>;
  /** Why the service should get no new sign-ins now; undefined where it may. */
  unready: () => string | undefined | Promise<string | undefined>;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

export const operatorPaths = ['/healthz', '/readyz', '/metrics'] as const;

/** Answers an operator. Whether somebody is one, others have found out. */
export async function answerOperator(
  path: string,
  operated: Operated,
  { method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, body } = await answerTo(path, operated).catch(failed);
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(method === 'HEAD' ? undefined : body);
}

async function answerTo(path: string, { metrics, unready }: Operated): Promise<Answer> {
  if (path === '/metrics') {
    const { contentType, text } = await metrics();
    return { status: 200, type: contentType, body: await text() };
  }
  if (path === '/healthz') return plain(200, 'ok');
  if (path !== '/readyz') return plain(404, 'not found');
  const why = await unready();
  return why === undefined ? plain(200, 'ready') : plain(503, why);
}

/** Without saying why: an operator's credential is no reason to show what an error may quote. */
function failed(): Answer {
  return plain(500, 'failed');
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
