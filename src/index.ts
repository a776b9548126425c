export { createOAuthCallbackServer, callbackServer } from './server.ts';
export { ofState, orThrow } from './operators.ts';
export { CallbackResponse, OAuthCallbackResult } from './callback-response.ts';
export { createCallbackHtml } from './page.ts';
export {
  AuthorizationError,
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  ListenError,
  NotListeningError,
  PortInUseError,
  ServerClosedError,
  StateInUseError,
  TooManyFlowsError,
} from './errors.ts';
export type { CallbackHost, OAuthCallbackServer } from './server.ts';
export type { AuthorizationParameters, BeginOptions, Flow } from './flow.ts';
export type { CallbackFields } from './callback-response.ts';
export type { Disposition, Redirect, RefusalReason } from './redirect.ts';
export type { OAuthCallbackError } from './errors.ts';
export type { Logger, ServerOptions } from './options.ts';
export type { ServerEvent } from './events.ts';
