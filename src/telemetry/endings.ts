import type { ServerEvent } from '../events.ts';

/** How a flow can end: with its code, with the provider's error, or without a response. */
export const endings = ['code', 'error', 'expired', 'cancelled', 'closed', 'lost'] as const;

export type Ending = (typeof endings)[number];

/** The ending that an event tells of, if it does. */
export function endingOf(event: ServerEvent): { flow: string; ending: Ending; error: string } | undefined {
  switch (event.type) {
    case 'settled':
      return { flow: event.flow, ending: event.outcome, error: errorOf(event.error) };
    case 'expired':
      return { flow: event.flow, ending: 'expired', error: '' };
    case 'cancelled':
      return { flow: event.flow, ending: event.reason, error: '' };
    default:
      return undefined;
  }
}

/**
 * Error codes that are registered; any other is `other`, since a provider can make up as many as it likes.
 *
 * @see RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 8707 section 2
 */
const registered: ReadonlySet<string> = new Set([
  ...['invalid_request', 'unauthorized_client', 'access_denied', 'unsupported_response_type'],
  ...['invalid_scope', 'server_error', 'temporarily_unavailable', 'interaction_required', 'login_required'],
  ...['account_selection_required', 'consent_required', 'invalid_request_uri', 'invalid_request_object'],
  ...['request_not_supported', 'request_uri_not_supported', 'registration_not_supported'],
  ...['invalid_target', 'unmet_authentication_requirements'],
]);

function errorOf(error: string | undefined): string {
  if (error === undefined) return '';
  return registered.has(error) ? error : 'other';
}
