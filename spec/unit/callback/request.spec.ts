import fc from 'fast-check';
import {
  isAuthority,
  isForm,
  readHeaders,
  readTarget,
  speculative,
  type RequestHeaders,
} from '../../../src/callback/request.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const none: RequestHeaders = {};

const given = (headers: { [name in keyof RequestHeaders]?: string | undefined }): RequestHeaders =>
  headers as RequestHeaders;

const test = suite('request');

test('readTarget splits any text without losing a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { authority, path, query } = readTarget(`/${text}`)!;
      assert.is(authority, undefined);
      assert.is(path.includes('?'), false);
      const whole = `/${text}`;
      assert.is(whole.includes('?') ? `${path}?${query}` : path, whole);
    }),
  );
});

test('readTarget gives the authority of an absolute form, whatever it is', () => {
  const scheme = fc.constantFrom('http://', 'https://', 'HTTP://', 'hTTps://');
  const authority = fc.string({ unit: 'binary' }).map((text) => text.replace(/[/?#]/g, ''));
  const rest = fc
    .string({ unit: 'binary' })
    .map((text) => (/^[/?#]/.test(text) || text === '' ? text : `/${text}`));
  fc.assert(
    fc.property(scheme, authority, rest, (start, host, tail) => {
      const target = readTarget(start + host + tail)!;
      assert.is(target.authority, host.toLowerCase());
      assert.ok(target.path.startsWith('/'));
      const { path, query } = readTarget(tail.startsWith('/') ? tail : `/${tail}`)!;
      assert.equal([target.path, target.query], [path, query]);
    }),
  );
});

test('readTarget rejects any other form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const known = text.startsWith('/') || /^https?:\/\//i.test(text);
      assert.is(readTarget(text) !== undefined, known);
    }),
  );
  for (const target of [
    '',
    '*',
    'callback',
    'http:',
    'http:/',
    'https:x',
    'ftp://x/',
    ' /',
    'evil.example:443',
    '\\\\x',
    '?x',
  ])
    assert.is(readTarget(target), undefined, target);
});

test('readTarget normalises nothing: two spellings are two paths', () => {
  const paths = [
    '/callback',
    '/callback/',
    '/Callback',
    '/%63allback',
    '/./callback',
    '//callback',
    '/callback;x',
    '/callback#x',
    '/\\callback',
  ];
  assert.equal(
    paths.map((path) => readTarget(`${path}?x=1?y#z`)),
    paths.map((path) => ({ authority: undefined, path, query: 'x=1?y#z' })),
  );
});

test('readTarget reads the targets that new URL throws on', () => {
  const targets: Readonly<Record<string, ReturnType<typeof readTarget>>> = {
    '//': { authority: undefined, path: '//', query: '' },
    '/\\': { authority: undefined, path: '/\\', query: '' },
    '/%': { authority: undefined, path: '/%', query: '' },
    'http://': { authority: '', path: '/', query: '' },
    'http://[::1': { authority: '[::1', path: '/', query: '' },
    'http://A?x': { authority: 'a', path: '/', query: 'x' },
    'http://u@A:1//x?': { authority: 'u@a:1', path: '//x', query: '' },
  };
  for (const [target, read] of Object.entries(targets)) assert.equal(readTarget(target), read, target);
});

test('isAuthority accepts a name or literal with at most a port', () => {
  const names = [
    '127.0.0.1',
    'localhost',
    'sign-in.example',
    'a_b.example',
    'xn--bcher-kva.example',
    '[::1]',
    '[2001:db8::1]',
    'LOCALHOST',
    'x.',
  ];
  for (const name of names)
    for (const port of ['', ':1', ':65535']) assert.ok(isAuthority(name + port), name + port);
});

test('isAuthority rejects what could be read in another way', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webAuthority(),
    fc.string({ unit: fc.constantFrom(' ', ...'a 1 . : @ / ? # [ ] % , \\ \t'.split(' ')) }),
  );
  fc.assert(
    fc.property(text, (host) => {
      if (!isAuthority(host)) return;
      assert.not.match(host, /[^\x21-\x7e]|[@/?#\\,;"<>]/);
      assert.match(host, /^(?:\[[^[\]]+\]|[^[\]:]+)(?::\d+)?$/);
    }),
    { numRuns: 2_000 },
  );
  const others = [
    '',
    ' ',
    ':1',
    '127.0.0.1:',
    '127.0.0.1:x',
    '127.0.0.1:123456',
    '127.0.0.1:1:1',
    '::1',
    '[::1',
    '::1]',
    '[]',
    '[::1]x',
    'u@h',
    'h/',
    'h\n',
    '\nh',
    'a,b',
    'a b',
  ];
  for (const host of others) assert.not.ok(isAuthority(host), JSON.stringify(host));
});

test('readHeaders joins repeated headers, in any case of letters', () => {
  const fields: Readonly<Record<string, keyof RequestHeaders>> = {
    Host: 'host',
    Origin: 'origin',
    'Sec-Fetch-Dest': 'dest',
    'Sec-Fetch-Mode': 'mode',
    'Sec-Fetch-Site': 'site',
    'Sec-Purpose': 'purpose',
    Purpose: 'purpose',
    'X-Purpose': 'purpose',
    'X-Moz': 'purpose',
    'Accept-Language': 'language',
    'Content-Type': 'contentType',
    'Content-Encoding': 'contentEncoding',
  };
  const cased = fc
    .constantFrom(...Object.keys(fields), 'X-Other', '__proto__', 'constructor')
    .chain((name) =>
      fc.constantFrom(name, name.toLowerCase(), name.toUpperCase()).map((spelled) => ({ name, spelled })),
    );
  fc.assert(
    fc.property(fc.array(fc.tuple(cased, fc.string())), (given) => {
      const headers = readHeaders(given.flatMap(([{ spelled }, value]) => [spelled, value]));
      const valuesOf = (name: keyof RequestHeaders): string[] =>
        given.filter(([each]) => fields[each.name] === name).map(([, value]) => value);
      for (const name of new Set(Object.values(fields))) {
        const values = valuesOf(name);
        assert.is(headers[name], values.length > 0 ? values.join(', ') : undefined, name);
      }
    }),
  );
});

test('readHeaders survives a name without a value', () => {
  assert.equal(readHeaders(['Host']), none);
  assert.is(readHeaders(['Host', 'a', 'Origin']).origin, undefined);
});

test('isForm accepts a form as browsers send it, and not encoded', () => {
  const form = 'application/x-www-form-urlencoded';
  const types: Readonly<Record<string, boolean>> = {
    [form]: true,
    [form.toUpperCase()]: true,
    [`${form};charset=UTF-8`]: true,
    [`${form} ; charset=UTF-8`]: true,
    [`${form}x`]: false,
    [`${form}, text/plain`]: false,
    [`text/plain, ${form}`]: false,
    [` ${form}`]: false,
    'text/plain': false,
    'multipart/form-data': false,
    'application/json': false,
    '': false,
  };
  for (const [contentType, accepted] of Object.entries(types)) {
    assert.is(isForm(given({ contentType })), accepted, contentType);
    assert.is(isForm(given({ contentType, contentEncoding: 'identity' })), false);
  }
  assert.is(isForm(none), false);
});

test('speculative tells a navigation, or a client without fetch metadata, from any other fetch', () => {
  const word = fc.option(
    fc.constantFrom('document', 'navigate', 'none', 'image', 'cors', '', 'document, image'),
    { nil: undefined },
  );
  fc.assert(
    fc.property(word, word, word, (dest, mode, site) => {
      const silent = dest === undefined && site === undefined;
      const navigates = dest === 'document' && mode === 'navigate';
      assert.is(speculative(given({ dest, mode, site })), silent || navigates ? undefined : 'not_navigation');
    }),
  );
});

test('speculative recognises every word for a prefetch, whatever the other headers', () => {
  const navigation = { dest: 'document', mode: 'navigate', site: 'cross-site' };
  for (const purpose of [
    'prefetch',
    'PREFETCH',
    'prefetch;prerender',
    'x, prefetch',
    'preview',
    'instant-prerender',
  ])
    for (const around of [{}, navigation])
      assert.is(speculative(given({ ...around, purpose })), 'prefetch', purpose);
  assert.is(speculative(given({ ...navigation, purpose: 'x' })), undefined);
});

test.run();
