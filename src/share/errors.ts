import { CodedError } from '../base/coded-error.ts';

/** Process that holds a port, as far as this machine tells. */
export interface PortHolder {
  /** Id of its user. */
  readonly user?: number;
  /** Id of the process; known of processes of the same user. */
  readonly pid?: number;
  /** Name of its program. */
  readonly program?: string;
}

/** Why a port cannot be shared with its holder. */
export type PortHeldReason =
  /** It does not know the secret of this user: another program, or a program of another user. */
  | 'stranger'
  /** It does not answer. */
  | 'silent'
  /** It speaks another version of the protocol between processes. */
  | 'other_version'
  /** Its redirect URI is another one. */
  | 'other_redirect_uri';

const sentences: Readonly<Record<PortHeldReason, string>> = {
  stranger: 'which does not share it with programs of this user',
  silent: 'which does not answer',
  other_version: 'whose version of rx-oauth-callback cannot share it with this one',
  other_redirect_uri: 'which takes redirects at another path',
};

/**
 * The port is held by a process that cannot share it. Nothing of a sign-in was sent there.
 *
 * @example
 * import { PortHeldError, sharedCallbackHost } from 'rx-oauth-callback/share';
 *
 * try {
 *   await sharedCallbackHost({ port: 8976 });
 * } catch (error) {
 *   if (error instanceof PortHeldError) console.error(`Close ${error.holder?.program ?? 'the program'} first.`);
 * }
 */
export class PortHeldError extends CodedError {
  readonly code = 'port_held';
  override readonly name = 'PortHeldError';

  constructor(
    readonly port: number,
    readonly reason: PortHeldReason,
    /** Undefined if it is not known, as on other systems than Linux. */
    readonly holder: PortHolder | undefined,
    options?: ErrorOptions,
  ) {
    super(`port ${port} is held by ${nameOf(holder)}, ${sentences[reason]}`, options);
  }
}

/**
 * The secret by which processes of one user know each other is not safe: others may read or replace its file.
 *
 * @example
 * import { sharedCallbackHost, UnsafeSecretError } from 'rx-oauth-callback/share';
 *
 * await sharedCallbackHost({ port: 8976 }).catch((error: unknown) => {
 *   if (error instanceof UnsafeSecretError) console.error(error.message);
 * });
 */
export class UnsafeSecretError extends CodedError {
  readonly code = 'unsafe_secret';
  override readonly name = 'UnsafeSecretError';
}

function nameOf({ program, pid, user }: PortHolder = {}): string {
  if (pid !== undefined) return `${program ?? 'a process'} (process ${pid})`;
  return user === undefined ? 'another process' : `a process of the user ${user}`;
}
