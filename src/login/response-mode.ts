import type { ResponseMode } from '../model/redirect.ts';
import { DiscoveryError } from './errors.ts';
import { shown } from './metadata.ts';
import { listOf, type ServerMetadata } from './server-metadata.ts';

/** Modes that a callback server can receive, the preferred one first. */
const receivable: readonly ResponseMode[] = ['query', 'form_post'];

/**
 * Chooses the response mode by the metadata. Throws `DiscoveryError` if the server does not list `wanted`, or none that can be
 * received. A server that lists nothing supports `query` (RFC 8414 section 2), and often others too.
 */
export function responseModeOf(
  issuer: string,
  { response_modes_supported: modes }: ServerMetadata,
  wanted: ResponseMode | undefined,
): ResponseMode {
  if (modes === undefined) return wanted ?? 'query';
  const listed = listOf(modes);
  const mode = (wanted === undefined ? receivable : [wanted]).find((each) => listed.includes(each));
  if (mode !== undefined) return mode;
  throw new DiscoveryError(
    issuer,
    'response_mode_not_supported',
    `the issuer ${issuer} lists only ${shown(listed.join(' '))} in response_modes_supported; ` +
      `${wanted ?? receivable.join(' or ')} is required`,
  );
}
