import type { RefusalReason } from './redirect.ts';

/** A request as it came, before anything is believed of it. */
export interface CallbackRequest {
  method: string;
  /** The request target, raw. */
  target: string;
  /** Names and values in turn, as `node:http` gives them. */
  rawHeaders: readonly string[];
  /** The form of a POST, once it has been read. */
  body?: string | undefined;
  /** The body was longer than it may be, and was not read to its end. */
  tooLarge?: boolean;
}

/** The headers that decide whether a request is a person's browser coming back. */
export interface RequestHeaders {
  hosts: number;
  host: string;
  origin: string | undefined;
  /** `Sec-Fetch-Dest`, `-Mode` and `-Site`, where sent. */
  dest: string | undefined;
  mode: string | undefined;
  site: string | undefined;
  /** `Sec-Purpose` and its elders. */
  purpose: string | undefined;
  /** The nonce of a self-probe. */
  probe: string | undefined;
  language: string | undefined;
  contentType: string | undefined;
  contentEncoding: string | undefined;
}

/** Repeated headers join, so that no second value can hide behind a good first one. */
export function readHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers: RequestHeaders = {
    hosts: 0,
    host: '',
    origin: undefined,
    dest: undefined,
    mode: undefined,
    site: undefined,
    purpose: undefined,
    probe: undefined,
    language: undefined,
    contentType: undefined,
    contentEncoding: undefined,
  };
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1] as string;
    switch ((rawHeaders[index] as string).toLowerCase()) {
      case 'host':
        headers.hosts++;
        headers.host = value.toLowerCase();
        break;
      case 'origin':
        headers.origin = join(headers.origin, value);
        break;
      case 'sec-fetch-dest':
        headers.dest = join(headers.dest, value);
        break;
      case 'sec-fetch-mode':
        headers.mode = join(headers.mode, value);
        break;
      case 'sec-fetch-site':
        headers.site = join(headers.site, value);
        break;
      case 'sec-purpose':
      case 'purpose':
      case 'x-purpose':
      case 'x-moz':
        headers.purpose = join(headers.purpose, value);
        break;
      case 'accept-language':
        headers.language = join(headers.language, value);
        break;
      case 'content-type':
        headers.contentType = join(headers.contentType, value);
        break;
      case 'content-encoding':
        headers.contentEncoding = join(headers.contentEncoding, value);
        break;
      case 'rx-oauth-callback-probe':
        headers.probe = value;
    }
  }
  return headers;
}

function join(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

/** A request target taken apart; undefined where it is neither origin-form nor absolute-form. */
export interface Target {
  /** The authority of an absolute-form target, which counts in place of `Host`. @see RFC 9112 section 3.2.2 */
  authority: string | undefined;
  /** Raw: two spellings of one path are two paths. */
  path: string;
  query: string;
}

// By hand, since `new URL` throws on targets any stranger can send, with the whole target in its error.
const absolute = /^https?:\/\/([^/?#]*)([^?#]*)/i;

export function readTarget(target: string): Target | undefined {
  let authority: string | undefined;
  let rest = target;
  if (!target.startsWith('/')) {
    const [start, host, path] = absolute.exec(target) ?? [];
    if (start === undefined) return undefined;
    authority = (host ?? '').toLowerCase();
    rest = (path === '' ? '/' : (path ?? '/')) + target.slice(start.length);
  }
  const mark = rest.indexOf('?');
  return mark < 0
    ? { authority, path: rest, query: '' }
    : { authority, path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}

/** RFC 9110 section 7.2, without userinfo or path. */
export function isAuthority(host: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[\w\-.~%]+)(?::\d{1,5})?$/i.test(host);
}

/** Whether a body is a form as browsers send it. @see OAuth 2.0 Form Post Response Mode section 2 */
export function isForm({ contentType, contentEncoding }: RequestHeaders): boolean {
  return (
    contentEncoding === undefined && /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType ?? '')
  );
}

/** Why this is not a navigation of a person's browser; undefined where it may be one, or the client does not say. */
export function speculative({ dest, mode, site, purpose }: RequestHeaders): RefusalReason | undefined {
  if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch';
  // Browsers send all three; a mode alone comes from a program, such as `fetch` of Node, and proves nothing.
  if (dest === undefined && site === undefined) return undefined;
  return dest === 'document' && mode === 'navigate' ? undefined : 'not_navigation';
}
