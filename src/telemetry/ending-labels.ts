import type { ServerEvent } from '../model/events.ts';

/** Labels for how a flow ended: with a code, with the provider's error, or without a response. */
export const endingLabels = ['code', 'error', 'expired', 'cancelled', 'closed', 'lost', 'evicted'] as const;

export type EndingLabel = (typeof endingLabels)[number];

/** Labels of one ended flow. */
export interface LabelledEnd {
  flowId: string;
  ending: EndingLabel;
  /** The provider's error code if it is a registered one, `other` if it is not, empty if there was none. */
  error: string;
}

/** Returns the labels if the event ends a flow. */
export function endOf(event: ServerEvent): LabelledEnd | undefined {
  switch (event.type) {
    case 'answered':
      return { flowId: event.flowId, ending: event.outcome, error: errorLabel(event.error) };
    case 'expired':
      return { flowId: event.flowId, ending: 'expired', error: '' };
    case 'cancelled':
      return { flowId: event.flowId, ending: event.reason, error: '' };
    default:
      return undefined;
  }
}

/**
 * Registered error codes. All others have the label `other`, because a provider could invent any number of codes.
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

function errorLabel(error: string | undefined): string {
  if (error === undefined) return '';
  return registered.has(error) ? error : 'other';
}
