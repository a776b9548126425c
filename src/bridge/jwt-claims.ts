import type { JWTPayload } from 'jose';
import { withoutUndefined } from '../base/without-undefined.ts';
import type { Role } from '../wire/protocol.ts';
import { requireIdentity, type Identity } from './credentials.ts';
import type { JwtSettings } from './jwt-options.ts';

const roles: readonly Role[] = ['listener', 'monitor'];

// Shown to operators, in a line of a log.
const nameForm = /^\P{Cc}{1,256}$/u;

// The last date that JavaScript has, in seconds.
const lastDate = 8_640_000_000_000;

/** Reads the identity of a JWT whose signature was checked. Returns a sentence if its claims cannot be used. */
export function identityFrom(
  payload: JWTPayload,
  settings: Pick<JwtSettings, 'claims' | 'clockTolerance'>,
): Identity | string {
  const { claims, clockTolerance } = settings;
  const name = nameFrom(payload, settings);
  if (name === undefined)
    return `the claim ${claims.name} of the JWT must be 1 to 256 characters without control characters`;
  // RFC 9449 section 7.1: such a JWT is no credential without its key.
  if (payload['cnf'] !== undefined)
    return 'the JWT is bound to a key (cnf), which the program cannot show here';
  const { exp = 0 } = payload;
  if (exp > lastDate) return 'the claim exp of the JWT is not a date';
  const granted = rolesFrom(payload[claims.roles]);
  if (granted.length === 0) return `the claim ${claims.roles} of the JWT has neither listener nor monitor`;
  const identity = { name, roles: granted, expiresAt: exp * 1_000 + clockTolerance };
  const rest = { tenant: payload[claims.tenant], limits: payload[claims.limits] };
  for (const [member, value] of Object.entries(rest))
    if (!fits({ ...identity, [member]: value }))
      return `the claim ${claims[member as 'tenant']} of the JWT is invalid`;
  return { ...identity, ...withoutUndefined(rest) } as Identity;
}

/** Reads the name of the program, if it may be shown. */
export function nameFrom(payload: JWTPayload, { claims }: Pick<JwtSettings, 'claims'>): string | undefined {
  const name = payload[claims.name];
  return typeof name === 'string' && nameForm.test(name) ? name : undefined;
}

/** @see RFC 8693 section 4.2 for a text, RFC 9068 section 2.2.3.1 for a list. */
function rolesFrom(claim: unknown): readonly Role[] {
  const words: readonly unknown[] =
    typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return roles.filter((role) => words.includes(role));
}

function fits(identity: Identity): boolean {
  try {
    requireIdentity('authenticate', identity);
    return true;
  } catch {
    return false;
  }
}
