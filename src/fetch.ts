/**
 * The callback server behind servers that take a `Request` and return a `Response`.
 *
 * @module rx-oauth-callback/fetch
 */
export { createFetchHandler } from './server/fetch-handler.ts';
export type { FetchHandler, FetchInfo } from './server/fetch-handler.ts';
