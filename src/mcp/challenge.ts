/** Demand of a server in an answer of 401 or 403. @see RFC 6750 section 3, RFC 9728 section 5.1 */
export interface Challenge {
  readonly error?: string;
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  /** URL of the metadata of the server. */
  readonly resourceMetadata?: string;
}

// A scheme, or a parameter with a value in quotes or not. A token68 of another scheme, which may have a slash, reads as one of them.
const part = /[\s,]*([!#$%&'*+./^`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y;

/** Reads the challenges of the scheme Bearer. Other schemes are skipped, and the first value of a parameter counts. */
export function challengeOf(headers: Headers): Challenge {
  const header = headers.get('www-authenticate') ?? '';
  const found: Record<string, string> = {};
  let scheme = '';
  part.lastIndex = 0;
  for (let match = part.exec(header); match; match = part.exec(header)) {
    const [, name = '', quoted, bare] = match;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? bare;
    if (value === undefined) scheme = name.toLowerCase();
    else if (scheme === 'bearer') found[name.toLowerCase()] ??= value;
  }
  const { error, scope, resource_metadata: resourceMetadata } = found;
  return {
    ...(error !== undefined && { error }),
    ...(scope !== undefined && scope !== '' && { scope }),
    ...(resourceMetadata !== undefined && { resourceMetadata }),
  };
}
