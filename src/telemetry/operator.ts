import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeAnswer } from '../http/write-answer.ts';
import type { Metrics } from './metrics.ts';

/** Functions that provide the answers to an operator. */
export interface Operated {
  /** Left out where only health is asked for. */
  metrics?: () => Promise<Metrics>;
  /** Returns the reason why the service should get no new sign-ins now; undefined if there is none. */
  unready: () => string | undefined | Promise<string | undefined>;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

export const operatorPaths = ['/healthz', '/readyz', '/metrics'] as const;

/** Answers a request of an operator. The caller has already checked that the request may have the answer. */
export async function answerOperator(
  path: string,
  operated: Operated,
  { method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, body: text } = await answerTo(path, operated).catch(failed);
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(text);
  const headers = [
    'Content-Type',
    type,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ];
  writeAnswer(response, { status, headers, body: method === 'HEAD' ? Buffer.alloc(0) : body });
}

async function answerTo(path: string, { metrics, unready }: Operated): Promise<Answer> {
  if (path === '/metrics' && metrics) {
    const { contentType, text } = await metrics();
    return { status: 200, type: contentType, body: await text() };
  }
  if (path === '/healthz') return plain(200, 'ok');
  if (path !== '/readyz') return plain(404, 'not found');
  const why = await unready();
  return why === undefined ? plain(200, 'ready') : plain(503, why);
}

/** Returns an answer without the error's message, because that may quote a secret. */
function failed(): Answer {
  return plain(500, 'failed');
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
