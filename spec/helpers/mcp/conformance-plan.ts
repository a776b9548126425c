/** Trials that the package must pass, and clients that must fail. */
import { requiredBy, type Revision, type Trial } from './conformance.ts';

export interface Plan {
  /** Title of a test. */
  readonly name: string;
  readonly trials: readonly Trial[];
}

/** Attacks on a client that does not compare issuers. The SDK 1.x compares none. */
export const attacks = [
  'auth/iss-supported-missing',
  'auth/iss-wrong-issuer',
  'auth/iss-unexpected',
  'auth/iss-normalized',
  'auth/metadata-issuer-mismatch',
];

/** Servers of the first revision about authorization, which publish no metadata of themselves. No later list has them. */
const early = ['auth/2025-03-26-oauth-metadata-backcompat', 'auth/2025-03-26-oauth-endpoint-fallback'];

const byConnect = 'mcp-conformance-client.ts';
const byFetch = 'mcp-conformance-fetch.ts';

export const plans = (): readonly Plan[] => [
  required('connect, with the client 2.x', byConnect, '2025-11-25', 14),
  required('connect, with the client 2.x', byConnect, '2026-07-28', 25),
  required('fetch, with the SDK 1.x', byFetch, '2025-11-25', 14),
  ...[byConnect, byFetch].map((program) => ({
    name: `${program} passes both scenarios of 2025-03-26`,
    trials: early.map((scenario) => ({ program, scenario })),
  })),
  {
    name: 'fetch, with the SDK 1.x, rejects another issuer and another resource',
    // This SDK does not speak the revision that they are of; that revision is then only their own.
    trials: [...attacks, 'auth/resource-mismatch'].map((scenario) => ({ program: byFetch, scenario })),
  },
];

function required(how: string, program: string, revision: Revision, count: number): Plan {
  const scenarios = requiredBy(revision);
  if (scenarios.length !== count)
    throw new Error(`${revision} must require ${count} scenarios; got ${scenarios.length}`);
  return {
    name: `${how}, passes all ${count} scenarios of ${revision}`,
    trials: scenarios.map((scenario) => ({ program, scenario, revision })),
  };
}

/** Clients with one defect each, and the complaint that the suite must have. */
export const twins: readonly { readonly trial: Trial; readonly complaint: RegExp }[] = [
  twin('pkce', 'auth/metadata-default', /pkce-code-challenge-sent/),
  twin('resource', 'auth/metadata-default', /resource-parameter-in-authorization/),
  twin('scope', 'auth/scope-from-www-authenticate', /scope-from-www-authenticate/),
  twin('scope', 'auth/scope-from-scopes-supported', /scope-from-scopes-supported/),
  twin('stepUp', 'auth/scope-step-up', /scope-step-up-escalation/),
  twin('document', 'auth/basic-cimd', /cimd-client-id-used/),
  ...attacks.map((scenario) => ({
    trial: { program: 'mcp-conformance-naive.ts', scenario },
    complaint: /sep-2468/,
  })),
];

function twin(argument: string, scenario: string, complaint: RegExp): { trial: Trial; complaint: RegExp } {
  const program = 'mcp-conformance-broken.ts';
  return { trial: { program, argument, scenario, revision: '2025-11-25' }, complaint };
}
