/**
 * Kit for the tests of programs that sign in: a provider, a person and a callback host that are fakes.
 *
 * @module rx-oauth-callback/testing
 */
export { startFakeProvider } from './testing/provider/provider.ts';
export { authorizationErrors, tokenErrors } from './testing/provider/answer.ts';
export { visit } from './testing/visit.ts';
export { fakeCallbackHost } from './testing/fake-callback-host.ts';
export type { FakeProvider } from './testing/provider/provider.ts';
export type { FakeClient, FakeProviderOptions } from './testing/provider/options.ts';
export type { FakeAnswer } from './testing/provider/answer.ts';
export type { FakeEndpoint, FakeProviderRequest } from './testing/provider/exchange.ts';
export type { FakeToken } from './testing/provider/grants.ts';
export type { VisitedPage, VisitOptions } from './testing/visit.ts';
export type {
  FakeCallbackHost,
  FakeCallbackHostOptions,
  FakeResponses,
} from './testing/fake-callback-host.ts';
export type { FakeResponse } from './testing/fake-response.ts';
