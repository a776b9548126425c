interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
}

/** Store of cookies by host and path. Like a browser it ignores ports. @see RFC 6265 section 8.5 */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  store(url: URL, lines: readonly string[]): void {
    for (const line of lines) {
      const { cookie, expired } = parse(line, url.hostname);
      const key = `${cookie.host};${cookie.path};${cookie.name}`;
      if (expired) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }

  headersFor(url: URL): { Cookie?: string } {
    const sent = [...this.#cookies.values()].filter(
      ({ host, path }) => host === url.hostname && isWithin(url.pathname, path),
    );
    return sent.length > 0 ? { Cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') } : {};
  }
}

function parse(line: string, host: string): { cookie: Cookie; expired: boolean } {
  const [[name, value], ...pairs] = line.split(';').map(pairOf) as [Pair, ...Pair[]];
  const attributes = new Map(pairs.map(([attribute, setting]) => [attribute.toLowerCase(), setting]));
  const expires = attributes.get('expires');
  const maxAge = attributes.get('max-age');
  return {
    cookie: { name, value, host, path: attributes.get('path') ?? '/' },
    // Of the two, `Max-Age` decides.
    expired: maxAge === undefined ? Date.parse(expires ?? '') <= Date.now() : Number(maxAge) <= 0,
  };
}

type Pair = readonly [name: string, value: string];

function pairOf(text: string): Pair {
  const equals = text.indexOf('=');
  return equals < 0 ? [text.trim(), ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

/** Tells if a path matches a cookie's path. @see RFC 6265 section 5.1.4 */
function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}
