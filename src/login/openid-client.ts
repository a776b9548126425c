import type * as OpenIdClient from 'openid-client';
import { loadOptional } from '../base/optional-package.ts';

/** The package openid-client, which is loaded when the first sign-in starts. */
export type OpenId = typeof OpenIdClient;

export function loadOpenId(): Promise<OpenId> {
  return loadOptional('openid-client', () => import('openid-client'));
}

/** Allows openid-client to use plain HTTP. Only loopback URLs get this far; any other `http:` URL is rejected before. */
export function allowLoopback(openid: OpenId): (configuration: OpenIdClient.Configuration) => void {
  // Marked as deprecated by openid-client only to draw attention to it.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return openid.allowInsecureRequests;
}
