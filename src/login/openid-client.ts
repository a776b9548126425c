import type * as OpenIdClient from 'openid-client';
import { MissingPackageError } from './errors.ts';

/** The package openid-client, which is loaded when the first sign-in starts. */
export type OpenId = typeof OpenIdClient;

export async function loadOpenId(): Promise<OpenId> {
  try {
    return await import('openid-client');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new MissingPackageError('openid-client');
  }
}

/**
 * Tells if an import failed because there is no such module. Node, Deno and Bun have the first code. `require`, webpack and
 * Turbopack have the second. Vite and esbuild have a message only.
 */
function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    /\b(?:resolve|find|require of)\b.*\bopenid-client\b/i.test(message)
  );
}

/** Allows openid-client to use plain HTTP. Only loopback URLs get this far; any other `http:` URL is rejected before. */
export function allowLoopback(openid: OpenId): (configuration: OpenIdClient.Configuration) => void {
  // Marked as deprecated by openid-client only to draw attention to it.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return openid.allowInsecureRequests;
}
