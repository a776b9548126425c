import type { Challenge } from './challenge.ts';
import type { Open, ReadServerOptions } from './options.ts';

/** Demands on new tokens. */
export interface Need {
  /** Undefined if tokens are refreshed before the server asks for that. */
  readonly challenge: Challenge | undefined;
  /** True if the tokens lack scopes. */
  readonly isStepUp: boolean;
  /** True if a step-up was made for the same request. */
  readonly hasSteppedUp: boolean;
  /** True if the server rejected a token that had just been refreshed. */
  readonly mustAsk: boolean;
  /** True if the program wants a sign-in, not a request. Then the person may be asked for scopes that were not granted. */
  readonly isExplicit: boolean;
  readonly options: ReadServerOptions;
  readonly open: Open | undefined;
}

/** Members of the need of a request that the server has answered once at most. */
export const plainNeed = { isStepUp: false, hasSteppedUp: false, mustAsk: false, isExplicit: false } as const;
