import type { ResponseMode } from '../model/redirect.ts';
import { DiscoveryError } from './errors.ts';
import { requireEndpoint } from './metadata.ts';
import type { ReadSignInOptions } from './options.ts';
import { responseModeOf } from './response-mode.ts';
import type { ServerMetadata } from './server-metadata.ts';

/** Ways of a sign-in, as decided by its options and the server's metadata. */
export interface Plan {
  readonly responseMode: ResponseMode;
  /** True if the authorization request is pushed to the server before the browser opens (RFC 9126). */
  readonly pushes: boolean;
}

/** Decides how to sign in. Throws `DiscoveryError` if a request would certainly fail, so that the user is not sent to the server. */
export function planOf(options: ReadSignInOptions, metadata: ServerMetadata): Plan {
  const { issuer } = options;
  requireEndpoint(metadata, 'authorization_endpoint', issuer);
  return {
    responseMode: responseModeOf(issuer, metadata, options.responseMode),
    pushes: pushesTo(options, metadata),
  };
}

const pushEndpoint = 'pushed_authorization_request_endpoint';

function pushesTo(
  { issuer, pushedAuthorizationRequest = false }: ReadSignInOptions,
  metadata: ServerMetadata,
): boolean {
  const isRequired = metadata.require_pushed_authorization_requests === true;
  if (!isRequired && !pushedAuthorizationRequest) return false;
  if (isRequired && metadata[pushEndpoint] === undefined)
    throw new DiscoveryError(
      issuer,
      'missing_endpoint',
      `the issuer ${issuer} has require_pushed_authorization_requests in its metadata, but no ${pushEndpoint}`,
    );
  requireEndpoint(metadata, pushEndpoint, issuer);
  return true;
}
