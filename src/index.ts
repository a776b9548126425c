export { createOAuthCallbackServer, callbackServer } from './server.ts';
export { ofState, orThrow } from './operators.ts';
export { withFlow } from './with-flow.ts';
export { CallbackResponse } from './callback-response.ts';
export { OAuthCallbackResult } from './callback-result.ts';
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
  UnreachableError,
} from './errors.ts';
export type { CallbackHost, OAuthCallbackServer } from './server.ts';
export type { BeginOptions, Flow, Outcome } from './flow.ts';
export type { AuthorizationParameters } from './authorization-url.ts';
export type { CallbackFields } from './callback-response.ts';
export type { Disposition, Redirect, RefusalReason, ResponseMode } from './redirect.ts';
export type { OAuthCallbackError } from './errors.ts';
export type { Logger, ServerOptions } from './options.ts';
export type { Limits } from './limits.ts';
export type { HoldOptions } from './held.ts';
export type { PageView } from './page.ts';
export type { Language } from './texts.ts';
export type { ServerEvent } from './events.ts';
