import { probeHeader } from '../model/probe-header.ts';
import type { RefusalReason } from '../model/redirect.ts';

/** A request as received, before any check. */
export interface CallbackRequest {
  method: string;
  /** Request target, not decoded. */
  target: string;
  /** Names and values in turn, as in `node:http`. */
  rawHeaders: readonly string[];
  /** Address that the client is counted by; undefined if it is unknown. */
  address?: string | undefined;
  /** Form of a POST request, once it has been read. */
  body?: string | undefined;
  /** Set if the body was longer than allowed and was not read to its end. */
  tooLarge?: boolean;
  /** Set if a person has pasted the URL into the program. */
  pasted?: true;
}

/** Headers that the handler reads. */
export interface RequestHeaders {
  /** The `Host`, or the `:authority` of HTTP/2. Empty if they name two hosts. */
  host?: string;
  authority?: string;
  origin?: string;
  cookie?: string;
  dest?: string;
  mode?: string;
  site?: string;
  purpose?: string;
  /** Nonce of a self-probe. */
  probe?: string;
  language?: string;
  contentType?: string;
  contentEncoding?: string;
  transferEncoding?: string;
}

function fieldOf(name: string): keyof RequestHeaders | undefined {
  switch (name.toLowerCase()) {
    case 'host':
      return 'host';
    // HTTP/1 has no header of this name, because a name contains no colon.
    case ':authority':
      return 'authority';
    case 'origin':
      return 'origin';
    case 'cookie':
      return 'cookie';
    case 'sec-fetch-dest':
      return 'dest';
    case 'sec-fetch-mode':
      return 'mode';
    case 'sec-fetch-site':
      return 'site';
    case 'sec-purpose':
    // Older names of the same header.
    case 'purpose':
    case 'x-purpose':
    case 'x-moz':
      return 'purpose';
    case probeHeader:
      return 'probe';
    case 'accept-language':
      return 'language';
    case 'content-type':
      return 'contentType';
    case 'content-encoding':
      return 'contentEncoding';
    case 'transfer-encoding':
      return 'transferEncoding';
    default:
      return undefined;
  }
}

/**
 * Reads the headers of a request. The values of a repeated header are joined by commas, so that no value escapes the
 * checks: two hosts, for example, match none. HTTP/2 sends each cookie in a header of its own (RFC 9113 section 8.2.3).
 *
 * @param rawHeaders Names and values in turn.
 */
export function readHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers: RequestHeaders = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const field = fieldOf(rawHeaders[index] as string);
    if (field === undefined) continue;
    const value = rawHeaders[index + 1] as string;
    const before = headers[field];
    headers[field] = before === undefined ? value : before + (field === 'cookie' ? '; ' : ', ') + value;
  }
  if (headers.authority !== undefined) headers.host = oneOf(headers.authority, headers.host);
  return headers;
}

/** Returns the host of a request over HTTP/2, which may name it twice. @see RFC 9113 section 8.3.1 */
function oneOf(authority: string, host = authority): string {
  return host.toLowerCase() === authority.toLowerCase() ? authority : '';
}

/**
 * Tells if a request may have a body whose end is unknown: it has a transfer coding that only a request with a body may
 * have, or one that Node does not decode. What follows on its connection may be the body, whatever it looks like.
 *
 * @see RFC 9112 section 6.1
 */
export function isDoubtful(method: string, { transferEncoding }: RequestHeaders): boolean {
  if (transferEncoding === undefined) return false;
  return method === 'GET' || transferEncoding.trim().toLowerCase() !== 'chunked';
}

/** Parts of a request target. */
export interface Target {
  /** Authority of an absolute-form target, which takes precedence over `Host`. @see RFC 9112 section 3.2.2 */
  authority: string | undefined;
  /** Not normalized: two spellings of a path are two paths. */
  path: string;
  query: string;
}

// Instead of `new URL`, which throws on some targets that a peer can send, with the whole target in its error.
const absolute = /^https?:\/\/([^/?#]*)([^?#]*)/i;

/** Splits a request target. Returns undefined if it has neither origin-form nor absolute-form. */
export function readTarget(target: string): Target | undefined {
  let authority: string | undefined;
  let rest = target;
  if (!target.startsWith('/')) {
    const [start, host = '', path = ''] = absolute.exec(target) ?? [];
    if (start === undefined) return undefined;
    authority = host.toLowerCase();
    rest = (path || '/') + target.slice(start.length);
  }
  const mark = rest.indexOf('?');
  return mark < 0
    ? { authority, path: rest, query: '' }
    : { authority, path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}

/** Tells if a `Host` is a host with an optional port and nothing else. @see RFC 9110 section 7.2 */
export function isAuthority(host: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[\w\-.~%]+)(?::\d{1,5})?$/i.test(host);
}

/** Tells if a body is a form as browsers send it. @see OAuth 2.0 Form Post Response Mode section 2 */
export function isForm(headers: RequestHeaders): boolean {
  return (
    headers.contentEncoding === undefined &&
    /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(headers.contentType ?? '')
  );
}

/** Tells why a request is not a navigation of a user's browser. Returns undefined if it may be one. */
export function speculative(headers: RequestHeaders): RefusalReason | undefined {
  const purpose = headers.purpose;
  if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch';
  // Browsers send all three headers. A program, such as `fetch` in Node, may send only the mode, which proves nothing.
  const dest = headers.dest;
  if (dest === undefined && headers.site === undefined) return undefined;
  return dest === 'document' && headers.mode === 'navigate' ? undefined : 'not_navigation';
}
