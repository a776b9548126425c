import type { AddressInfo } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { Redirect } from '../../redirect.ts';
import type { Io } from '../io.ts';
import { inContainer } from './has-browser.ts';

/** How the browser of another machine reaches the port here: what to do, and the command for it. */
export function tunnelTo(
  { address, family, port }: AddressInfo,
  env: Io['env'],
  contained = inContainer(),
): [advice: string, command: string] {
  // The name that a container gives itself is known to nobody else.
  const guess = contained ? 'HOST' : hostname();
  const [, , machine = guess, sshPort = '22'] = env['SSH_CONNECTION']?.split(' ') ?? [];
  const at = sshPort === '22' ? '' : ` -p ${sshPort}`;
  const here = family === 'IPv6' ? `[${address}]` : address;
  const name = machine === 'HOST' ? ', where HOST is its name' : '';
  return [
    `If your browser is on another machine, let it reach this one, with this command there${name}:`,
    `ssh -N -L ${port}:${here}:${port}${at} ${userName(env)}@${machine}`,
  ];
}

function userName(env: Io['env']): string {
  try {
    return userInfo().username;
  } catch {
    // In a container there may be no such user.
    return env['USER'] ?? 'you';
  }
}

/** The flags that sign in as a client that was registered here: a server may want the very port of its redirect URI. */
export function againAs(clientId: string, address: AddressInfo | undefined): string {
  // A server has chosen it, and it is to be copied into a shell.
  const id = /^[\w.:/~-]+$/.test(clientId) ? clientId : `'${clientId.replaceAll("'", `'\\''`)}'`;
  return `--client-id ${id}${address ? ` --port ${address.port}` : ''}`;
}

/**
 * Why what is no address cannot be a code either. Any code is taken, and the sign-in over with a wrong one; fewer characters do
 * not have the 128 bits it must have (RFC 6749 section 10.10), so they are a slip of the hand.
 */
export function slipIn(code: string): string | undefined {
  if (!/^[^\s#]+(?:#\S*)?$/.test(code)) return 'That is neither an address nor a code.';
  if (/^[^#]{16,}/.test(code)) return undefined;
  return 'That is too short for a code, which has 16 characters or more; if yours is shorter, paste the whole address.';
}

/** What became of something that was pasted. */
export type Refused = Pick<Redirect, 'disposition' | 'reason'>;

/** Why what was pasted is not it, for the one who pasted it. */
export function refusal({ disposition, reason }: Refused): string {
  switch (disposition) {
    case 'unmatched':
    case 'duplicate':
    case 'late':
      return 'That is of another sign-in, or was used before.';
    case 'wrong_issuer':
      return 'That does not come from the authorization server of this sign-in.';
    case 'malformed':
      return `There is no response of an authorization server in that (${reason ?? 'malformed'}).`;
    default:
      return 'That is not the address your browser was sent to in the end.';
  }
}

/** `9:05`, of milliseconds. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
