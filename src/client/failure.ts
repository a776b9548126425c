import { ConnectionError } from '../model/errors.ts';
import type { Lost } from './connection.ts';

const proxy = 'a proxy in front of the service probably does not forward the headers Upgrade and Connection';

const byStatus: Readonly<Record<number, string>> = {
  400: 'the handshake is not one of a WebSocket with this protocol',
  401: 'the token or ticket is unknown, used or expired',
  403: 'the service rejects this host name, or the origin of the page',
  404: 'there is no bridge at this path',
  426: `the handshake arrived without Upgrade; ${proxy}`,
  429: 'the service has too many connections of this token or address',
  503: 'the service accepts no new connections now',
};

const byCode: Readonly<Record<number, string>> = {
  1006: 'the connection broke',
  1008: 'the service did not understand a message, or the credential lacks the role for it',
  1012: 'the service restarts',
  4401: 'the token or ticket has expired or was revoked',
};

/** Returns the error of a connection for which no further attempt is made. */
export function failureOf(url: string, { code, status, failure }: Lost): ConnectionError {
  return new ConnectionError(`${new URL(url).origin} ${sentence(code, status, failure)}`, code, status);
}

function sentence(code: number, status: number | undefined, failure: string | undefined): string {
  if (status !== undefined)
    return `answered the handshake with ${status}${byStatus[status] ? `: ${byStatus[status]}` : ''}`;
  if (failure !== undefined) return `cannot be reached (${failure})`;
  return `ended the connection with ${code}${byCode[code] ? `: ${byCode[code]}` : ''}`;
}
