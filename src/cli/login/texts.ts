import type { AddressInfo } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { Disposition, RefusalReason } from '../../model/redirect.ts';
import type { Io } from '../io.ts';
import { authorityOf } from '../../base/loopback.ts';
import { isInContainer } from '../../login/browser.ts';
import type { Refused } from '../../login/pasted-response.ts';

/** Gives advice and the command that let the browser of another machine reach a port here. */
export function tunnelTo(
  address: AddressInfo,
  env: Io['env'],
  inContainer = isInContainer(),
): [advice: string, command: string] {
  // Other machines do not know the name that a container has for itself.
  const guess = inContainer ? 'HOST' : hostname();
  const [, , machine = guess, sshPort = '22'] = env['SSH_CONNECTION']?.split(' ') ?? [];
  const at = sshPort === '22' ? '' : ` -p ${sshPort}`;
  const name = machine === 'HOST' ? ' (HOST is the name of this machine)' : '';
  return [
    `If your browser runs on another machine, forward the port with this command there${name}:`,
    `ssh -N -L ${address.port}:${authorityOf(address)}${at} ${userName(env)}@${machine}`,
  ];
}

function userName(env: Io['env']): string {
  try {
    return userInfo().username;
  } catch {
    // A container may have no entry for its user.
    return env['USER'] ?? 'you';
  }
}

/** Gives the flags that sign in again as a registered client. The server may require the same port in its redirect URI. */
export function clientFlags(clientId: string, address: AddressInfo | undefined): string {
  // The server has chosen the id, and the user copies it into a shell.
  const id = /^[\w.:/~-]+$/.test(clientId) ? clientId : `'${clientId.replaceAll("'", `'\\''`)}'`;
  return `--client-id ${id}${address ? ` --port ${address.port}` : ''}`;
}

/**
 * Gives the complaint about text that can be neither an address nor a code. A wrong code would end the sign-in. Text of fewer
 * characters than the 128 bits of a code need (RFC 6749 section 10.10) is taken for a typing mistake.
 */
export function defectOfCode(code: string): string | undefined {
  if (!/^[^\s#]+(?:#\S*)?$/.test(code)) return 'This is neither an address nor a code.';
  if (/^[^#]{16,}/.test(code)) return undefined;
  return 'This is too short for a code, which has at least 16 characters. If your code is shorter, paste the whole address.';
}

/** Gives the complaint about a pasted response, for its user. */
export function refusal({ disposition, reason }: Refused): string {
  switch (disposition) {
    case 'unmatched':
    case 'duplicate':
    case 'late':
      return 'This response belongs to another sign-in or was used before.';
    case 'wrong_issuer':
      return 'This response is not from the authorization server of this sign-in.';
    case 'malformed':
      return `This contains no response of an authorization server (${reason ?? 'malformed'}).`;
    default:
      return 'This is not the address that the browser was redirected to.';
  }
}

const causes: Readonly<Partial<Record<Disposition | RefusalReason, string>>> = {
  wrong_response_mode: 'it was sent in another response mode than this sign-in has asked for',
  wrong_browser: 'it came from another browser than the one that has opened the URL',
  wrong_redirect_uri: 'it was sent to a different path than that of the redirect URI',
  wrong_host: 'it was sent to a different host than that of the redirect URI',
  foreign_origin: 'a script of another site sent it',
  not_navigation: 'it is not a browser navigation',
};

/** Says that a redirect of this sign-in was rejected and why, for a user who would wait in vain. */
export function rejection({ disposition, reason }: Refused, issuer: string): string {
  const code = reason ?? disposition;
  const cause =
    code === 'wrong_issuer'
      ? `its iss is missing or differs from ${issuer}`
      : (causes[code] ?? 'it is not valid');
  return `The redirect was rejected (${code}): ${cause}. Still waiting.`;
}
