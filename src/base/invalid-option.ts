/**
 * An option or argument is invalid, or contradicts another one. Thrown before a socket or file is opened.
 *
 * @example
 * import { createOAuthCallbackServer, InvalidOptionError } from 'rx-oauth-callback';
 *
 * try {
 *   createOAuthCallbackServer({ port: 70_000 });
 * } catch (error) {
 *   if (error instanceof InvalidOptionError) console.error(error.option); // port
 * }
 */
export class InvalidOptionError extends TypeError {
  readonly code = 'invalid_option';
  override readonly name = 'InvalidOptionError';
  constructor(
    /** Name of the invalid option or parameter. */
    readonly option: string,
    message: string,
  ) {
    super(`${option} ${message}`);
  }
}
