interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  readonly sameSite: string | undefined;
}

/** A request that cookies may be sent with. */
export interface CookieRequest {
  readonly url: URL;
  /** True if a page of another site leads to it. */
  readonly isCrossSite: boolean;
  /** True if it sends a form. */
  readonly isForm: boolean;
}

/** Store of cookies by host and path. Like a browser it ignores ports. @see RFC 6265 section 8.5 */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  store(url: URL, lines: readonly string[]): void {
    for (const line of lines) {
      const { cookie, expired, isForeign } = parse(line, url);
      if (isForeign) continue;
      const key = `${cookie.host};${cookie.path};${cookie.name}`;
      if (expired) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }

  headersFor(request: CookieRequest): { Cookie?: string } {
    const { hostname, pathname } = request.url;
    const sent = [...this.#cookies.values()].filter(
      ({ host, path, sameSite }) =>
        host === hostname && isWithin(pathname, path) && crosses(sameSite, request),
    );
    return sent.length > 0 ? { Cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') } : {};
  }
}

/** Tells if a cookie goes along. One that names no `SameSite` goes with forms too, as browsers have it for two minutes. */
function crosses(sameSite: string | undefined, { isCrossSite, isForm }: CookieRequest): boolean {
  return !isCrossSite || !(sameSite === 'strict' || (sameSite === 'lax' && isForm));
}

interface Parsed {
  readonly cookie: Cookie;
  readonly expired: boolean;
  /** True if it names a domain that its host is not in. */
  readonly isForeign: boolean;
}

function parse(line: string, { hostname: host, pathname }: URL): Parsed {
  const [[name, value], ...pairs] = line.split(';').map(pairOf) as [Pair, ...Pair[]];
  const attributes = new Map(pairs.map(([attribute, setting]) => [attribute.toLowerCase(), setting]));
  const expires = attributes.get('expires');
  const maxAge = attributes.get('max-age');
  const sameSite = attributes.get('samesite')?.toLowerCase();
  const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase() ?? host;
  const path = attributes.get('path') ?? '';
  return {
    cookie: { name, value, host, path: path.startsWith('/') ? path : defaultPath(pathname), sameSite },
    isForeign: domain !== host && !host.endsWith(`.${domain}`),
    // Of the two, `Max-Age` decides.
    expired: maxAge === undefined ? Date.parse(expires ?? '') <= Date.now() : Number(maxAge) <= 0,
  };
}

type Pair = readonly [name: string, value: string];

function pairOf(text: string): Pair {
  const equals = text.indexOf('=');
  return equals < 0 ? [text.trim(), ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

/** Returns the folder of a page. @see RFC 6265 section 5.1.4 */
function defaultPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** Tells if a path matches a cookie's path. @see RFC 6265 section 5.1.4 */
function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}
