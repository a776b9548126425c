import { CodedError } from '../base/coded-error.ts';

/**
 * Too many links to the monitor page are in use: links that were not opened yet, and pages that links opened. It ends when some
 * of them expire.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge } from 'rx-oauth-callback/bridge';
 * import { createMonitor, TooManyLinksError } from 'rx-oauth-callback/monitor';
 *
 * const server = createOAuthCallbackServer();
 * const bridge = createBridge(server, { token: 'a-secret-of-at-least-16-characters' });
 * const monitor = createMonitor(server, bridge);
 * await server.listen();
 * try {
 *   console.log(monitor.url());
 * } catch (error) {
 *   if (error instanceof TooManyLinksError) console.error('Open the links that you have.');
 * }
 */
export class TooManyLinksError extends CodedError {
  readonly code = 'too_many_links';
  override readonly name = 'TooManyLinksError';
}
