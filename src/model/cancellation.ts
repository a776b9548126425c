// `access_denied` is of RFC 6749 section 4.1.2.1. LinkedIn and Apple have the others. The codes of OpenID Connect that end in
// `_required` are none of them: a server sends those without having asked the user.
const cancellations: ReadonlySet<string> = new Set([
  'access_denied',
  'user_cancelled_login',
  'user_cancelled_authorize',
]);

/** Tells if an error code of an authorization server says that the user declined. */
export function isCancellation(error: string): boolean {
  return cancellations.has(error);
}
