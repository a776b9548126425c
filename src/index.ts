/**
 * Callback server: receives the redirects of all sign-ins of a program, and gives each flow its own response.
 *
 * @module rx-oauth-callback
 */
export { createOAuthCallbackServer, callbackServer } from './server/create.ts';
export { ofState, orThrow } from './flows/operators.ts';
export { withFlow } from './flows/with-flow.ts';
export { CallbackResponse } from './model/callback-response.ts';
export { OAuthCallbackResult } from './model/callback-result.ts';
export { createCallbackHtml } from './page/page.ts';
export {
  AuthorizationError,
  FlowCancelledError,
  FlowExpiredError,
  ListenError,
  NotListeningError,
  PortInUseError,
  ServerClosedError,
  StateInUseError,
  TooManyFlowsError,
  UnreachableError,
  WrongCodeError,
} from './model/errors.ts';
export { InvalidOptionError } from './base/invalid-option.ts';
export type { CallbackHost } from './model/callback-host.ts';
export type { OAuthCallbackServer } from './server/callback-server.ts';
export type { Binding } from './model/binding.ts';
export type { BeginOptions, Flow, Outcome } from './model/flow.ts';
export type { AuthorizationParameters } from './model/authorization-url.ts';
export type {
  CallbackFields,
  Parameter,
  ResponseFields,
  ResponseParameters,
} from './model/callback-response.ts';
export type { Disposition, Redirect, RefusalReason, ResponseMode } from './model/redirect.ts';
export type { OAuthCallbackError } from './model/errors.ts';
export type { Logger, ServerOptions } from './server/options.ts';
export type { Limits } from './server/limits.ts';
export type { HoldOptions } from './flows/held-redirects.ts';
export type { PageView } from './page/page.ts';
export type { Language, OwnTexts, Texts } from './page/texts.ts';
export type { ServerEvent } from './model/events.ts';
