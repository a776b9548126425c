/**
 * Whole sign-ins with `openid-client`: discovery, registration, exchange, refresh and revocation.
 *
 * @module rx-oauth-callback/login
 */
export { signIn } from './login/sign-in.ts';
export { tokens } from './login/operators.ts';
export { paste } from './login/paste.ts';
export { openBrowser } from './login/open-browser.ts';
export { refresh } from './login/refresh.ts';
export { revoke } from './login/revoke.ts';
export { Tokens } from './login/tokens.ts';
export { DpopKey } from './login/dpop-key.ts';
export { clientMetadata } from './login/client-metadata.ts';
export {
  AuthorizationRequestError,
  DiscoveryError,
  RegistrationError,
  RevocationError,
  TokenError,
} from './login/errors.ts';
export { MissingPackageError } from './base/optional-package.ts';
export type { SignInOptions, ClientOptions } from './login/options.ts';
export type { OpenBrowserOptions } from './login/open-browser.ts';
export type { RefreshOptions } from './login/refresh.ts';
export type {
  SignInEvent,
  DiscoveredEvent,
  RegisteredEvent,
  AuthorizeEvent,
  OpenedEvent,
  WaitingEvent,
  DeviceEvent,
  RejectedEvent,
  ReceivedEvent,
  ExchangedEvent,
  FailedEvent,
} from './login/events.ts';
export type { FlowLink } from './model/flow-link.ts';
export type { DpopKeyPair } from './login/dpop-key.ts';
export type { ClientMetadataDocument, ClientMetadataOptions } from './login/client-metadata.ts';
export type { IdTokenClaims, TokenFields } from './login/tokens.ts';
export type { DiscoveryFlaw, RequestEndpoint, RevokedToken, SignInError } from './login/errors.ts';
export type { ServerMetadata } from './login/server-metadata.ts';
export type { Fetch } from './login/requests.ts';
