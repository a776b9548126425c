import type { ResponseMode } from '../model/redirect.ts';
import { dpopAlgorithm } from './dpop-key.ts';
import { DiscoveryError } from './errors.ts';
import { requireEndpoint, shown } from './metadata.ts';
import type { ReadSignInOptions } from './options.ts';
import { responseModeOf } from './response-mode.ts';
import { listOf, offersDevice, type ServerMetadata } from './server-metadata.ts';

/** Ways of a sign-in, as decided by its options and the server's metadata. */
export interface Plan {
  readonly responseMode: ResponseMode;
  /** True if the authorization request is pushed to the server before the browser opens (RFC 9126). */
  readonly pushes: boolean;
  /** Undefined if the sign-in does not use the device grant. */
  readonly device: DevicePlan | undefined;
}

/** How a sign-in uses the device grant. */
export interface DevicePlan {
  /** True if there is no redirect. */
  readonly isAlone: boolean;
  /** True if the caller has asked for it, so that its failure is that of the sign-in. */
  readonly isAsked: boolean;
}

/** Decides how to sign in. Throws `DiscoveryError` if a request would certainly fail, so that the user is not sent to the server. */
export function planOf(options: ReadSignInOptions, metadata: ServerMetadata): Plan {
  const { issuer } = options;
  requireDpop(options, metadata);
  const device = deviceOf(options, metadata);
  if (device?.isAlone) return { responseMode: 'query', pushes: false, device };
  requireEndpoint(metadata, 'authorization_endpoint', issuer);
  return {
    responseMode: responseModeOf(issuer, metadata, options.responseMode),
    pushes: pushesTo(options, metadata),
    device,
  };
}

function deviceOf({ issuer, device }: ReadSignInOptions, metadata: ServerMetadata): DevicePlan | undefined {
  if (device === 'never') return undefined;
  if (device === undefined && !offersDevice(metadata)) return undefined;
  requireEndpoint(metadata, 'device_authorization_endpoint', issuer);
  const redirects = metadata.authorization_endpoint !== undefined;
  return {
    isAlone: device === 'only' || (device === undefined && !redirects),
    isAsked: device !== undefined || !redirects,
  };
}

/** A server that lists nothing may support DPoP all the same. */
function requireDpop({ issuer, dpop = false }: ReadSignInOptions, metadata: ServerMetadata): void {
  const { dpop_signing_alg_values_supported: algorithms } = metadata;
  if (dpop === false || algorithms === undefined || listOf(algorithms).includes(dpopAlgorithm)) return;
  throw new DiscoveryError(
    issuer,
    'dpop_not_supported',
    `the issuer ${issuer} lists only ${shown(listOf(algorithms).join(' '))} in dpop_signing_alg_values_supported; ` +
      `${dpopAlgorithm} is required`,
  );
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
