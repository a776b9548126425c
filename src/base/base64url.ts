/** Encodes bytes as base64url without padding, in Node and in browsers. @see RFC 4648 section 5 */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
