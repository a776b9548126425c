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
const fields = {
  host: 'host',
  origin: 'origin',
  'sec-fetch-dest': 'dest',
  'sec-fetch-mode': 'mode',
  'sec-fetch-site': 'site',
  // And its elders.
  'sec-purpose': 'purpose',
  purpose: 'purpose',
  'x-purpose': 'purpose',
  'x-moz': 'purpose',
  // The nonce of a self-probe.
  'rx-oauth-callback-probe': 'probe',
  'accept-language': 'language',
  'content-type': 'contentType',
  'content-encoding': 'contentEncoding',
} as const;

type Field = (typeof fields)[keyof typeof fields];

const order = [...new Set<Field>(Object.values(fields))];

/** Where the value of each stands in `RequestHeaders`. */
export const field = Object.fromEntries(order.map((name, place) => [name, place])) as Record<Field, number>;

/** Values by `field`: a list, since V8 writes to a place sooner than to a property that it does not know beforehand. */
export type RequestHeaders = readonly (string | undefined)[];

interface Known {
  name: string;
  /** As browsers spell it: Sec-Fetch-Dest. */
  usual: string;
  place: number;
}

// By the length and the last letter of their names, which tell most headers apart sooner than a hash of each could.
const alike: Known[][] = [];
for (const [name, known] of Object.entries(fields)) {
  const usual = name.replace(/\b[a-z]/g, (initial) => initial.toUpperCase());
  (alike[likeness(name)] ??= []).push({ name, usual, place: field[known] });
}

function likeness(name: string): number {
  return name.length * 32 + (name.charCodeAt(name.length - 1) & 31);
}

function placeOf(given: string): number | undefined {
  const known = alike[likeness(given)];
  if (!known) return undefined;
  for (const { usual, place } of known) if (usual === given) return place;
  const lower = given.toLowerCase();
  for (const { name, place } of known) if (name === lower) return place;
  return undefined;
}

/** Repeated headers join, so that no second value can hide behind a good first one: two hosts are none. */
export function readHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers = new Array<string | undefined>(order.length);
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const place = placeOf(rawHeaders[index] as string);
    if (place === undefined) continue;
    const value = rawHeaders[index + 1] as string;
    headers[place] = headers[place] === undefined ? value : `${headers[place]}, ${value}`;
  }
  return headers;
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

/** RFC 9110 section 7.2, without userinfo or path. */
export function isAuthority(host: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[\w\-.~%]+)(?::\d{1,5})?$/i.test(host);
}

/** Whether a body is a form as browsers send it. @see OAuth 2.0 Form Post Response Mode section 2 */
export function isForm(headers: RequestHeaders): boolean {
  return (
    headers[field.contentEncoding] === undefined &&
    /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(headers[field.contentType] ?? '')
  );
}

/** Why this is not a navigation of a person's browser; undefined where it may be one, or the client does not say. */
export function speculative(headers: RequestHeaders): RefusalReason | undefined {
  const purpose = headers[field.purpose];
  if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch';
  // Browsers send all three; a mode alone comes from a program, such as `fetch` of Node, and proves nothing.
  const dest = headers[field.dest];
  if (dest === undefined && headers[field.site] === undefined) return undefined;
  return dest === 'document' && headers[field.mode] === 'navigate' ? undefined : 'not_navigation';
}
