import type { Answer } from '../page/answer.ts';
import type { Outlet } from './exchange.ts';

/**
 * Writes an answer. With `more`, the caller ends the response.
 *
 * Sets each header by itself, because middleware of a framework may replace `writeHead` by a function that does not know
 * its list of headers, or drops it.
 */
export function writeAnswer(response: Outlet, { status, headers, body }: Answer, more = false): void {
  response.statusCode = status;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = headers[index + 1] as string;
    // A framework may have cookies of its own, and an answer more than one.
    if (name === 'Set-Cookie') response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  if (more) response.write(body);
  else response.end(body);
}
