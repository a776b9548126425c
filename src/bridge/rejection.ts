/** Why a connection is rejected, or a ticket for one: the status of the answer, and a sentence for the operator. */
const rejections = {
  wrong_path: [404, 'the bridge has another path'],
  wrong_method: [405, 'the method is not GET'],
  wrong_host: [403, 'the Host is not that of the service'],
  no_upgrade: [426, 'the request has no Upgrade: websocket'],
  wrong_version: [426, 'the version of WebSocket is not 13'],
  wrong_key: [400, 'the Sec-WebSocket-Key is invalid'],
  wrong_subprotocol: [400, 'the subprotocol is not that of the service'],
  wrong_origin: [403, 'the origin is not allowed'],
  credential_in_url: [401, 'the URL contains a credential'],
  no_credential: [401, 'no credential'],
  unknown_credential: [401, 'the credential is unknown'],
  unknown_tenant: [403, 'the tenant of the credential does not exist'],
  expired_credential: [401, 'the token has expired or was revoked'],
  rejected_credential: [401, 'authenticate rejected the credential'],
  authentication_unavailable: [503, 'authenticate cannot check credentials now'],
  unknown_ticket: [401, 'the ticket is unknown, used or expired'],
  revoked_ticket: [401, 'the ticket was revoked'],
  ended_page_session: [401, 'the page session of the ticket has ended'],
  wrong_ticket_origin: [403, 'the ticket is for another origin'],
  too_many_connections: [503, 'limits.connections is reached'],
  too_many_of_address: [429, 'limits.connectionsPerAddress is reached'],
  too_many_of_name: [429, 'limits.connectionsPerName is reached'],
  closing: [503, 'the service is closing'],
  fault: [500, 'the service failed; its log says why'],
  store_unavailable: [503, 'the store of the tickets cannot be reached'],
  foreign_page: [403, 'the request for a ticket does not come from the page'],
  unknown_pass: [401, 'the link, pass or token of the monitor page is unknown, used or expired'],
  copied_pass: [401, 'a link or pass of the monitor page was shown twice, so its page session has ended'],
  no_monitor: [401, 'the token of the monitor page lacks the role monitor'],
  too_many_pages: [429, 'the token has too many open monitor pages'],
  no_listener: [403, 'the credential lacks the role listener'],
  too_many_requests: [429, 'the credential has sent too many requests'],
  too_many_tickets: [429, 'too many tickets are unused'],
} as const satisfies Record<string, readonly [status: number, why: string]>;

/** Stable name of the reason for a rejection. */
export type RejectionCause = keyof typeof rejections;

/** Answer that rejects an upgrade request before 101, or a request for a ticket. */
export interface Rejection {
  readonly cause: RejectionCause;
  readonly status: (typeof rejections)[RejectionCause][0];
  /** Reason for the operator; the peer does not get it. */
  readonly why: string;
  /** Name of the token that was given, if it is known. */
  readonly name?: string;
  /** Tenant of that token, if it has one. */
  readonly tenant?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** All causes, in the order of the checks. */
export const rejectionCauses = Object.keys(rejections) as readonly RejectionCause[];

/** @param more Replaces the sentence, and adds what the cause does not say. */
export function rejection(
  cause: RejectionCause,
  more: Partial<Pick<Rejection, 'why' | 'name' | 'tenant' | 'headers'>> = {},
): Rejection {
  const [status, why] = rejections[cause];
  return { cause, status, why, ...more };
}
