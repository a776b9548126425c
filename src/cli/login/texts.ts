import type { AddressInfo } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { Redirect } from '../../redirect.ts';
import type { Io } from '../io.ts';

/** How the browser of another machine reaches the port here. */
export function tunnelTo({ address, family, port }: AddressInfo, env: Io['env']): string {
  const [, , machine = hostname(), sshPort = '22'] = env['SSH_CONNECTION']?.split(' ') ?? [];
  const at = sshPort === '22' ? '' : ` -p ${sshPort}`;
  const here = family === 'IPv6' ? `[${address}]` : address;
  return `ssh -N -L ${port}:${here}:${port}${at} ${userName(env)}@${machine}`;
}

function userName(env: Io['env']): string {
  try {
    return userInfo().username;
  } catch {
    // In a container there may be no such user.
    return env['USER'] ?? 'you';
  }
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
