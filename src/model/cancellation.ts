// `access_denied` is of RFC 6749 section 4.1.2.1. LinkedIn and Apple have the others. The codes of OpenID Connect that end in
// `_required` are none of them: a server sends those without having asked the user.
const cancellations: ReadonlySet<string> = new Set([
  'access_denied',
  'user_cancelled_login',
  'user_cancelled_authorize',
]);

// Sentences of GitHub, Auth0, oidc-provider, Entra and others. A rule of the server may name the user too, but not as who declined:
// "User denied by administrator", "User not authorized", "Access denied by user policy". Each word begins at `\b`, so that a long
// description takes no more time than its length.
const byUser = [
  /\b(?:user|owner|customer)(?:'s)?(?: has| have)? (?:cancel|declin|den(?:y|ie)|abort|refus|reject)\w*\b(?! ?:| (?:because|by|due|for)\b)/i,
  /\b(?:user|owner|customer)(?: did not| didn't| has not| hasn't| have not) (?:accept|allow|approve|authori[sz]e|consent|grant)/i,
  /\b(?:cancel|declin|deni|abort|refus|reject)\w* by (?:the )?(?:(?:end|resource)[- ]?)?(?:user|owner|customer)\b(?![-'’]| (?:access|account|admin|agent|group|management|polic|pool|profile|risk|role|rule|setting))/i,
];

interface DeniedResponse {
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
}

/** Tells if a response says that the user declined: by its code alone, or by a description that does not say otherwise. */
export function isCancelledByUser({ error = '', error_description = '' }: DeniedResponse): boolean {
  if (!isCancellation(error)) return false;
  // Servers send `access_denied` for rules of their own too, and say so in the description.
  const isOwnWord = error !== 'access_denied' || error_description === '';
  return isOwnWord || byUser.some((pattern) => pattern.test(error_description));
}

/** Tells if an error code of an authorization server says that the user declined. */
export function isCancellation(error: string): boolean {
  return cancellations.has(error);
}
