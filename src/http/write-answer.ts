import type { ServerResponse } from 'node:http';
import type { Answer } from '../page/answers.ts';

/**
 * Writes an answer.
 *
 * Sets each header by itself, because middleware of a framework may replace `writeHead` by a function that does not know
 * its list of headers, or drops it.
 */
export function writeAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.statusCode = status;
  for (let index = 0; index + 1 < headers.length; index += 2)
    response.setHeader(headers[index] as string, headers[index + 1] as string);
  response.end(body);
}
