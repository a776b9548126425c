/** The shape of a requirement: its demand, the checks that prove it, and the weakened twins that each check must reject. */
import type { createBridge } from '../../src/bridge/server.ts';
import type { createOAuthCallbackServer } from '../../src/index.ts';
import type { Change } from '../helpers/weakened.ts';

/** Source of the product with a flaw, which the check beside it must reject. */
export interface Twin {
  /** Misbehaviour of the twin, in the present tense. */
  readonly weakness: string;
  readonly changes: readonly Change[];
  /** Must match what the check says, so that it fails for this weakness and for no other reason. */
  readonly complaint: RegExp;
}

/** Exports of a module of `src`, or a part of them, that a check is run against. */
export interface Target<T> {
  /** Path within `src`, as `cli/browser.ts`. */
  readonly module: string;
  readonly of: (exported: object) => T;
}

/** A way to see from outside that a requirement holds. */
export interface Check {
  /** Behaviour of the product, in the present tense. */
  readonly title: string;
  readonly module: string;
  /** Rejects if the requirement does not hold for what the module exports: for the real one, or for a twin. */
  readonly run: (exported: object) => Promise<void>;
  readonly twins: readonly Twin[];
  readonly options: CheckOptions;
}

export interface CheckOptions {
  /** Milliseconds. @default 60000 */
  readonly deadline?: number;
  /** Ids of further requirements that the check proves. */
  readonly also?: readonly string[];
  /** True if the check needs `redis-server` on this machine. */
  readonly redis?: boolean;
}

export interface Demand {
  /** Sentence that says what the requirement asks for. */
  readonly demand: string;
  /** The standard, practice or document that asks for it. */
  readonly source: string;
  /** Left out if the requirement applies everywhere. */
  readonly scope?: 'loopback' | 'service';
  /** Decision about it, or further proof. */
  readonly note?: string;
  /** Why the requirement does not apply to this release. */
  readonly absent?: string;
  /** Further spec files with tests whose names begin with the id, as `bridge/session.spec.ts`. */
  readonly provenIn?: readonly string[];
}

export interface Requirement extends Demand {
  /** As `A-01`. Groups A to L are from standards and practice; group P has the promises of our own documents. */
  readonly id: string;
  readonly checks: readonly Check[];
}

/** Requirements on one subject. */
export interface Subject {
  readonly title: string;
  readonly requirements: readonly Requirement[];
}

export const requirementsOn = (title: string, ...requirements: readonly Requirement[]): Subject => ({
  title,
  requirements,
});

export const requirement = (id: string, demand: Demand, ...checks: readonly Check[]): Requirement => ({
  id,
  ...demand,
  checks,
});

export const check = <T>(
  target: Target<T>,
  title: string,
  run: (subject: T) => void | Promise<void>,
  twins: readonly Twin[] = [],
  options: CheckOptions = {},
): Check => ({
  title,
  module: target.module,
  run: async (exported) => run(target.of(exported)),
  twins,
  options,
});

export const twin = (weakness: string, changes: Change | readonly Change[], complaint: RegExp): Twin => ({
  weakness,
  changes: [changes].flat(),
  complaint,
});

/** Everything that a module exports: `exportsOf<typeof import('../../src/login/browser.ts')>('login/browser.ts')`. */
export const exportsOf = <M extends object>(module: string): Target<M> => ({
  module,
  of: (exported) => exported as M,
});

/** `createOAuthCallbackServer`, for checks of the endpoint. */
export const server: Target<typeof createOAuthCallbackServer> = {
  module: 'index.ts',
  of: (exported) =>
    (exported as { createOAuthCallbackServer: typeof createOAuthCallbackServer }).createOAuthCallbackServer,
};

/** `createBridge`, for checks of the bridge. */
export const bridge: Target<typeof createBridge> = {
  module: 'bridge/server.ts',
  of: (exported) => (exported as { createBridge: typeof createBridge }).createBridge,
};
