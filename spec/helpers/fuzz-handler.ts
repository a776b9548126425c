/** The handler without a socket, and requests for it of which is known whether they are good. */
import fc, { type Arbitrary } from 'fast-check';
import { CallbackResponse } from '../../src/model/callback-response.ts';
import type { ServerEvent } from '../../src/model/events.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { PendingFlow } from '../../src/flows/pending-flow.ts';
import { FlowIndex } from '../../src/flows/flow-index.ts';
import { Handler } from '../../src/callback/handler.ts';
import { HotStream } from '../../src/base/hot-stream.ts';
import type { ReadResponse } from '../../src/callback/parameters.ts';
import type { CallbackRequest } from '../../src/callback/request.ts';
import { pagesOf } from './texts.ts';

export const longest = 64;
export const issuer = 'https://as.example';
const host = '127.0.0.1:53682';

const fail = (error: unknown): never => {
  throw error;
};

/** A handler as the server makes it, over flows that it can be asked for. */
export function handlerWithFlows(): { handler: Handler; flows: FlowIndex } {
  const callbackPath = '/callback';
  let begun = 0;
  const flows = new FlowIndex({
    nextId: () => String(++begun),
    clock: systemClock,
    flowTtl: 600_000,
    maxFlows: 10,
    events: new HotStream<ServerEvent>(),
    report: fail,
    callbackPath,
    issuers: [],
    unmatched: 'reject',
    finishUrls: [],
    settle: false,
    redirectUriFor: (path) => `http://${host}${path}`,
    binding: () => 'none',
    consent: 'remote',
    startUrlOf: (startId) => `http://${host}/start/${startId}`,
    onClaimed: () => undefined,
  });
  const pages = pagesOf({ title: 'x', report: fail });
  const handler = new Handler({
    stored: () => undefined,
    callbackPath,
    callbackQuery: 'env=1',
    cleanUrl: 'redirect',
    settle: 1_000,
    errorWithoutState: 'ignore',
    limits: { parameter: longest, parameters: 5, headers: 20 },
    flows,
    pages,
    isOurs: (authority) => [host, 'localhost:53682'].includes(authority),
    isAdvertised: (authority) => authority === host,
    acceptsUnmatched: () => false,
    startPath: '/start',
    isSecure: () => false,
    isOwnOrigin: () => false,
    prove: () => 'proof',
    secret: () => 'secret',
  });
  return { handler, flows };
}

/** A request in parts, so that each can be changed. */
interface Parts {
  method: string;
  start: string;
  path: string;
  fixed: string;
  pairs: (readonly [string, string])[];
  headers: (readonly [string, string])[];
  posted: boolean;
}

/** A good redirect for the flow: of a code, or of an error. */
function good({ state, expectation }: PendingFlow, kind: 'code' | 'error'): Parts {
  const posted = expectation.responseMode === 'form_post';
  return {
    method: posted ? 'POST' : 'GET',
    start: '',
    path: expectation.path,
    fixed: 'env=1',
    pairs: [
      kind === 'code' ? ['code', 'c0de'] : ['error', 'access_denied'],
      ['state', state],
      ['iss', encodeURIComponent(issuer)],
    ],
    headers: [
      ['Host', host],
      ...(posted ? [['Content-Type', 'application/x-www-form-urlencoded'] as const] : []),
    ],
    posted,
  };
}

type Change = (parts: Parts) => Partial<Parts>;

const pair =
  (name: string, value: string): Change =>
  ({ pairs }) => ({ pairs: [...pairs, [name, value]] });
const valued =
  (name: string, change: (value: string) => string): Change =>
  ({ pairs }) => ({
    pairs: pairs.map((each) => (decodeURIComponent(each[0]) === name ? [each[0], change(each[1])] : each)),
  });
const named =
  (name: string, other: string): Change =>
  ({ pairs }) => ({ pairs: pairs.map((each) => (each[0] === name ? [other, each[1]] : each)) });
const header =
  (name: string, value: string): Change =>
  ({ headers }) => ({ headers: [...headers, [name, value]] });
const all =
  (...changes: Change[]): Change =>
  (parts) =>
    changes.reduce((before, change) => ({ ...before, ...change(before) }), parts);
/** In origin-form, since an absolute one counts in place of `Host`. */
const hosted =
  (host: string): Change =>
  ({ headers }) => ({
    start: '',
    headers: headers.map((each) => (each[0] === 'Host' ? (['Host', host] as const) : each)),
  });
const escaped = (text: string): string =>
  text.replace(/./g, (character) => `%${character.charCodeAt(0).toString(16)}`);

/** None of them makes a good redirect a bad one. */
export const harmless: Readonly<Record<string, Change>> = {
  'unknown parameter': pair('session_state', 'x%FF%00'),
  'unknown parameter twice': all(pair('x', '1'), pair('x', '2')),
  'prototype as a name': all(pair('__proto__', 'x'), pair('constructor', 'y'), pair('toString', 'z')),
  'name in another case': pair('CODE', 'x'),
  'name with brackets': pair('code[]', 'x'),
  'another order': ({ pairs }) => ({ pairs: [...pairs].reverse() }),
  'empty pairs': ({ pairs }) => ({ pairs: [['', ''], ...pairs, ['', '']] }),
  'description without error, or of it': pair('error_description', '<b>%0d%0a'),
  'description twice': all(pair('error_description', 'x'), pair('error%5fdescription', 'y')),
  'description not in UTF-8': pair('error_description', 'Acc%E8s 100%'),
  'description too long': pair('error_description', 'x'.repeat(longest + 1)),
  'error_uri not in UTF-8': pair('error_uri', '%FF'),
  'error_uri too long': pair('error_uri', 'x'.repeat(longest + 1)),
  'description in the query': ({ fixed }) => ({ fixed: `${fixed}&error_description=%` }),
  'escaped state': valued('state', escaped),
  'escaped name': named('state', 'st%61te'),
  'own authority': () => ({ start: `http://${host}` }),
  'own authority in capitals': () => ({ start: `HTTP://${host}` }),
  'a navigation': all(
    header('Sec-Fetch-Site', 'cross-site'),
    header('Sec-Fetch-Mode', 'navigate'),
    header('Sec-Fetch-Dest', 'document'),
  ),
  cookie: header('Cookie', 'state=x; code=y'),
  referer: header('Referer', 'https://evil.example/?code=x'),
  forwarded: all(header('X-Forwarded-Host', 'evil.example'), header('Forwarded', 'host=evil.example')),
  language: header('Accept-Language', ';;q=,de;q=x'),
};

/** Each of them makes it one, whatever was done before. */
export const harmful: Readonly<Record<string, Change>> = {
  HEAD: () => ({ method: 'HEAD' }),
  get: () => ({ method: 'get' }),
  'another mode': ({ posted }) => ({ method: posted ? 'GET' : 'POST', posted: !posted }),
  'code twice': all(pair('code', 'x'), pair('code', 'y')),
  'escaped code twice': all(pair('c%6fde', 'x'), pair('code', '')),
  'state twice': ({ pairs }) => ({ pairs: [...pairs, ...pairs.filter(([, value]) => value.length > 20)] }),
  'another state': valued('state', (value) => `${value}x`),
  'state cut short': valued('state', (value) => value.replace(/(?:%..|.)$/, '')),
  'no state': ({ pairs }) => ({ pairs: pairs.filter(([name]) => decodeURIComponent(name) !== 'state') }),
  'another issuer': valued('iss', () => 'https://as.example.evil'),
  'issuer with a slash': valued('iss', (value) => `${value}/`),
  'issuer escaped twice': valued('iss', encodeURIComponent),
  'no issuer': ({ pairs }) => ({ pairs: pairs.filter(([name]) => name !== 'iss') }),
  'neither code nor error': ({ pairs }) => ({
    pairs: pairs.filter(([name]) => name !== 'code' && name !== 'error'),
  }),
  'both empty': all(
    valued('code', () => ''),
    valued('error', () => ''),
  ),
  token: pair('access_token', 'x'),
  jarm: pair('response', 'x'),
  'bad encoding': pair('access_token', '%FF'),
  'too long': all(
    valued('code', () => 'x'.repeat(longest + 1)),
    valued('error', () => 'x'.repeat(longest + 1)),
  ),
  'other fixed query': () => ({ fixed: 'env=2' }),
  'no fixed query': () => ({ fixed: '' }),
  'fixed query twice': () => ({ fixed: 'env=1&env=1' }),
  prefetch: header('Sec-Purpose', 'prefetch'),
  image: header('Sec-Fetch-Dest', 'image'),
  'other host': hosted('evil.example'),
  'second address': hosted('localhost:53682'),
  'second host': header('host', host),
  'other authority': () => ({ start: 'http://evil.example' }),
  'second path': ({ path }) => ({ path: `${path}/` }),
  'escaped path': ({ path }) => ({ path: path.replace('c', '%63') }),
  'path in capitals': ({ path }) => ({ path: path.toUpperCase() }),
  'too many headers': ({ headers }) => ({
    headers: [...headers, ...Array.from({ length: 20 }, () => ['X', 'y'] as const)],
  }),
};

/** Request, with the verdict that it must get. */
export interface Case {
  mode: 'query' | 'form_post';
  kind: 'code' | 'error';
  changes: readonly string[];
  accepted: boolean;
}

const names = (changes: object): Arbitrary<string> => fc.constantFrom(...Object.keys(changes));

export const someCase: Arbitrary<Case> = fc
  .record({
    mode: fc.constantFrom('query' as const, 'form_post' as const),
    kind: fc.constantFrom('code' as const, 'error' as const),
    before: fc.uniqueArray(names(harmless), { maxLength: 4 }),
    bad: fc.option(names(harmful), { freq: 3 }),
  })
  .map(({ mode, kind, before, bad }) => ({
    mode,
    kind,
    changes: bad === null ? before : [...before, bad],
    accepted: bad === null,
  }));

export function requestOf({ kind, changes }: Case, flow: PendingFlow): CallbackRequest {
  const parts = changes.reduce(
    (before, name) => ({ ...before, ...(harmless[name] ?? harmful[name]!)(before) }),
    good(flow, kind),
  );
  const encoded = parts.pairs.map((each) => each.join('=')).join('&');
  const query = [parts.fixed, parts.posted ? '' : encoded].filter(Boolean).join('&');
  return {
    method: parts.method,
    target: `${parts.start}${parts.path}?${query}`,
    rawHeaders: parts.headers.flat(),
    ...(parts.posted && { body: encoded }),
  };
}

/** `readResponse`, once more and in another way, for text that decodes. */
export function readModel(encoded: string, most: number): ReadResponse['fields'] | undefined {
  const params = new URLSearchParams(encoded);
  const given = (name: string): string => params.get(name) ?? '';
  const deciding = ['code', 'state', 'iss', 'error'];
  const tokens = ['response', 'id_token', 'access_token'];
  const printable = (text: string): boolean => !/[^ -~]/.test(text);
  const refused =
    [...deciding, ...tokens].some((name) => params.getAll(name).length > 1 || given(name).length > most) ||
    tokens.some((name) => given(name) !== '') ||
    given('state') === '' ||
    (given('code') === '' && given('error') === '') ||
    !printable(given('code') + given('state')) ||
    !printable(given('iss')) ||
    /[ "<>\\^`{|}]/.test(given('iss'));
  if (refused) return undefined;
  const shown = [given('error') === '' ? 'code' : 'error', 'state', 'iss'];
  return CallbackResponse.fromDict(
    Object.fromEntries(shown.map((name) => [name, given(name) || undefined])),
  ).toDict();
}

/** The description of an error, once more and in another way. */
export function describeModel(encoded: string, most: number): string | undefined {
  let words = '';
  for (const character of new URLSearchParams(encoded).get('error_description') ?? '') {
    if (/\p{White_Space}/u.test(character)) words += words.endsWith(' ') ? '' : ' ';
    else if (!/[\p{Cc}\p{Cf}]/u.test(character)) words += character;
  }
  let cut = '';
  for (const character of words.trim()) {
    if (cut.length + character.length > most) break;
    cut += character;
  }
  return cut || undefined;
}

const name = fc.constantFrom(
  ...['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response', 'id_token'],
  ...['access_token', 'c%6fde', 'st%61te', '__proto__', 'constructor', 'x', '', 'Code', 'code+', '+state'],
);

// Escapes of UTF-8 only: text that does not decode is another matter.
const value = fc.oneof(
  fc.constantFrom('', 'x', 'https://as.example', 'a%2Bb+c', '%41', '%e2%82%ac', 'x'.repeat(longest), '%25'),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => encodeURIComponent(text)),
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map((text) => text.replace(/[&%]/g, '=')),
  fc.string({ unit: 'binary-ascii', maxLength: longest + 2 }).map((text) => encodeURIComponent(text)),
);

export const someQuery: Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.tuple(name, value).map((both) => both.join('=')),
      fc.constantFrom('code=x', 'state=y', 'iss=z', 'error=e', 'code', 'state', '=', ''),
    ),
    { maxLength: 6 },
  )
  .map((pairs) => pairs.join('&'));

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ unit: 'binary-ascii' }));

/** Strings in the place of a request. */
export const noRequest: Arbitrary<CallbackRequest> = fc.record({
  method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD'), text),
  target: fc.oneof(
    text,
    fc
      .tuple(fc.constantFrom('', `http://${host}`, 'http://'), text)
      .map(([start, rest]) => `${start}/${rest}`),
    fc.oneof(someQuery, text).map((query) => `/callback?env=1&${query}`),
    text.map((query) => `/callback?~${query}`),
  ),
  rawHeaders: fc
    .array(
      fc.oneof(
        fc.constant(['Host', host]),
        fc.tuple(
          fc.constantFrom(
            'host',
            'Origin',
            'Sec-Fetch-Dest',
            'Purpose',
            'Accept-Language',
            'Content-Type',
            'X',
          ),
          text,
        ),
        fc.tuple(text, text),
      ),
      { maxLength: 6 },
    )
    .map((headers) => headers.flat()),
  body: fc.option(fc.oneof(someQuery, text), { nil: undefined }),
  tooLarge: fc.boolean(),
});
