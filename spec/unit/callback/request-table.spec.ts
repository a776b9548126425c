import fc from 'fast-check';
import { isAuthority, readHeaders, readTarget, speculative } from '../../../src/callback/request.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const target = suite('readTarget');

for (const [given, authority, path, query] of [
  ['/callback', undefined, '/callback', ''],
  ['/callback?code=a&state=S', undefined, '/callback', 'code=a&state=S'],
  ['/callback?a?b', undefined, '/callback', 'a?b'],
  ['/', undefined, '/', ''],
  ['/?x', undefined, '/', 'x'],
  ['/%63allback', undefined, '/%63allback', ''],
  ['/callback/', undefined, '/callback/', ''],
  ['/callback;x=1', undefined, '/callback;x=1', ''],
  ['//evil.example/callback', undefined, '//evil.example/callback', ''],
  ['/\\evil.example', undefined, '/\\evil.example', ''],
  ['/%', undefined, '/%', ''],
  ['http://127.0.0.1:5000/callback?x', '127.0.0.1:5000', '/callback', 'x'],
  ['HTTP://EVIL.example/callback', 'evil.example', '/callback', ''],
  ['https://evil.example', 'evil.example', '/', ''],
  ['http://evil.example?x', 'evil.example', '/', 'x'],
  ['http://u@evil.example/cb', 'u@evil.example', '/cb', ''],
  ['http://', '', '/', ''],
  ['http://[::1', '[::1', '/', ''],
] as const) {
  target(`F-03 F-04 parses ${given}`, () => {
    assert.equal(readTarget(given), { authority, path, query });
  });
}

for (const given of [
  '*',
  '',
  'callback',
  'ftp://x/callback',
  'javascript:alert(1)',
  '127.0.0.1:80',
  '?x',
  '\\',
]) {
  target(`F-04 refuses ${JSON.stringify(given)}`, () => {
    assert.is(readTarget(given), undefined);
  });
}

target('F-04 never throws, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const given of [text, `/${text}`, `http://${text}`]) {
        const read = readTarget(given);
        assert.ok(read === undefined || read.path.startsWith('/'));
      }
    }),
  );
});

const authority = suite('isAuthority');

for (const good of ['127.0.0.1:5000', '[::1]:5000', '[::1]', 'localhost', 'sign-in.example:443', 'a_b']) {
  authority(`takes ${good}`, () => assert.is(isAuthority(good), true));
}
for (const wrong of [
  '',
  ':80',
  'u@h',
  'h/x',
  'h:',
  'h:123456',
  'h:x',
  '[::1',
  'a b',
  'h,h',
  'h?x',
  'h\\x',
  'é',
]) {
  authority(`F-02 refuses ${JSON.stringify(wrong)}`, () => assert.is(isAuthority(wrong), false));
}

const headers = suite('readHeaders');

headers('F-02 rejects two hosts, whatever their case', () => {
  assert.is(isAuthority(readHeaders(['Host', 'a', 'X', 'Y']).host!), true);
  for (const second of ['a', 'b', '']) {
    assert.is(isAuthority(readHeaders(['Host', 'a', 'hOST', second]).host!), false, second);
  }
  assert.is(readHeaders([]).host, undefined);
});

headers('F-05 joins repeated headers, so that none hides behind another', () => {
  const read = readHeaders([
    ...['Sec-Fetch-Dest', 'document', 'sec-fetch-dest', 'image'],
    ...['Sec-Fetch-Mode', 'navigate', 'SEC-FETCH-MODE', 'no-cors'],
    ...['Sec-Fetch-Site', 'none', 'Sec-Fetch-Site', 'cross-site'],
    ...['Origin', 'a', 'Origin', 'b'],
    ...['Purpose', 'x', 'Sec-Purpose', 'prefetch'],
  ]);
  assert.equal(
    (['dest', 'mode', 'site', 'origin', 'purpose'] as const).map((name) => read[name]),
    ['document, image', 'navigate, no-cors', 'none, cross-site', 'a, b', 'x, prefetch'],
  );
});

const navigation = suite('speculative');

const of = (...pairs: string[]) => speculative(readHeaders(pairs));

for (const [name, pairs, reason] of [
  ['F-05 lets a client without fetch metadata pass', [], undefined],
  ['F-05 lets a mode alone pass, as programs send it', ['Sec-Fetch-Mode', 'cors'], undefined],
  ...(['cross-site', 'same-site', 'same-origin', 'none'] as const).map(
    (site) =>
      [
        `F-05 lets a ${site} navigation pass`,
        ['Sec-Fetch-Dest', 'document', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Site', site],
        undefined,
      ] as const,
  ),
  ...['image', 'iframe', 'frame', 'embed', 'object', 'script', 'style', 'empty', 'font', 'Document', ''].map(
    (dest) =>
      [
        `F-05 refuses the destination ${JSON.stringify(dest)}`,
        ['Sec-Fetch-Dest', dest, 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Site', 'cross-site'],
        'not_navigation',
      ] as const,
  ),
  ...['no-cors', 'cors', 'same-origin', 'websocket', ''].map(
    (mode) =>
      [
        `F-05 refuses the mode ${JSON.stringify(mode)}`,
        ['Sec-Fetch-Dest', 'document', 'Sec-Fetch-Mode', mode, 'Sec-Fetch-Site', 'cross-site'],
        'not_navigation',
      ] as const,
  ),
  ['F-05 refuses a document without a mode', ['Sec-Fetch-Dest', 'document'], 'not_navigation'],
  ['F-05 refuses a site without the rest', ['Sec-Fetch-Site', 'cross-site'], 'not_navigation'],
  ['F-06 refuses a prefetch', ['Sec-Purpose', 'prefetch'], 'prefetch'],
  ['F-06 refuses a prerendering', ['Sec-Purpose', 'prefetch;prerender'], 'prefetch'],
  ['F-06 refuses the elder Purpose', ['Purpose', 'prefetch'], 'prefetch'],
  ['F-06 refuses X-Moz', ['X-Moz', 'prefetch'], 'prefetch'],
  ['F-06 refuses X-Purpose', ['X-Purpose', 'preview'], 'prefetch'],
] as const) {
  navigation(name, () => assert.is(of(...pairs), reason));
}

target.run();
authority.run();
headers.run();
navigation.run();
