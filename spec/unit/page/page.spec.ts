import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { createCallbackHtml } from '../../../src/index.ts';
import { escapeHtml, renderPage } from '../../../src/page/page.ts';
import { pageHeaders } from '../../../src/page/security-headers.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('createCallbackHtml');

/** The texts of the elements with this class, or of this tag. */
const textsOf = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map(([, text]) => text);
const boxes = (html: string) => textsOf(html, /<div class="detail"><p[^>]*>([^<]*)<\/p>/g);
const headlines = (html: string) => textsOf(html, /<h1>([^<]*)<\/h1>/g);

test('shows the outcome in its headline', () => {
  assert.equal(headlines(createCallbackHtml('m')), ['Authentication successful']);
  assert.equal(headlines(createCallbackHtml('m', true)), ['Authentication successful']);
  assert.equal(headlines(createCallbackHtml('m', false)), ['Authentication failed']);
});

test('shows the connected server in a box on success, and not the message', () => {
  const html = createCallbackHtml('the message', true, 'T', 'https://mcp.example/sse');
  assert.equal(boxes(html), ['Connected to: https://mcp.example/sse']);
  assert.not.match(html, 'the message');
});

test('shows the message in a box on failure, and not the server', () => {
  const html = createCallbackHtml('the message', false, 'T', 'https://mcp.example/sse');
  assert.equal(boxes(html), ['the message']);
  assert.not.match(html, 'mcp.example');
});

test('has no box if there is nothing to show', () => {
  assert.equal([boxes(createCallbackHtml('m')), boxes(createCallbackHtml('', false))], [[], []]);
});

test('says that the tab may be closed', () => {
  for (const isSuccess of [true, false]) {
    assert.match(createCallbackHtml('m', isSuccess), 'You can safely close this tab now.');
  }
});

test('has the given title, or a default', () => {
  assert.match(createCallbackHtml('m'), '<title>OAuth sign-in</title>');
  assert.match(createCallbackHtml('m', true, 'My CLI'), '<title>My CLI</title>');
});

test('G-08 escapes every value', () => {
  const evil = `<svg onload="alert('x')">&amp;`;
  const escaped = '&lt;svg onload=&quot;alert(&#x27;x&#x27;)&quot;&gt;&amp;amp;';
  for (const html of [
    createCallbackHtml(evil, false, evil, evil),
    createCallbackHtml(evil, true, evil, evil),
  ]) {
    assert.not.match(html, '<svg');
    assert.is(html.split(escaped).length - 1, 2, 'in the title and in the box');
  }
});

test('G-08 lets no value add an element or an attribute', () => {
  const shape = (html: string) => html.match(/<[^>]*>/g);
  const plain = shape(createCallbackHtml('x', false, 'x'));
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc
      .array(fc.constantFrom('<', '>', '"', "'", '&', '</title>', '<!--', '-->', ']]>', '`', ' onload=x '))
      .map((parts) => `x${parts.join('')}`),
  );
  fc.assert(
    fc.property(nasty, nasty, (message, title) => {
      assert.equal(shape(createCallbackHtml(message, false, title)), plain);
    }),
  );
});

test('escapeHtml escapes the five characters and leaves the rest', () => {
  assert.is(escapeHtml(`a<b>"c"'d'&é`), 'a&lt;b&gt;&quot;c&quot;&#x27;d&#x27;&amp;é');
});

const pages = [
  createCallbackHtml('m', true, 'T', 'https://mcp.example'),
  createCallbackHtml('m', false),
  renderPage({
    kind: 'neutral',
    language: 'en',
    direction: 'ltr',
    productName: undefined,
    logo: undefined,
    title: 'T',
    headline: 'H',
    message: 'M',
    detail: undefined,
    note: 'N',
  }),
];

const headersOf = (html: string): Record<string, string> => {
  const flat = pageHeaders(html);
  return Object.fromEntries(
    flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [])),
  );
};

test('G-03 loads and links nothing, and runs nothing', () => {
  for (const html of pages) {
    assert.not.match(html, /<(script|link|img|iframe|object|embed|form|base|a|svg|video|audio|input)\b/i);
    assert.not.match(html, /\b(src|href|srcset|action|background|on\w+)\s*=/i);
    assert.not.match(html, /url\(|@import|http-equiv|location/i);
  }
});

test('G-05 allows by its policy the style that it has, and nothing else', () => {
  for (const html of pages) {
    const directives = headersOf(html)['Content-Security-Policy']?.split('; ');
    const [style, another] = textsOf(html, /<style>([^<]*)<\/style>/g);
    assert.is(another, undefined);
    const hash = createHash('sha256').update(style!).digest('base64');
    assert.equal(directives, [
      "default-src 'none'",
      `style-src 'sha256-${hash}'`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    assert.not.match(html, /\bstyle=/);
  }
});

test('G-01 G-02 G-06 has the headers of a page that keeps to itself', () => {
  const { 'Content-Security-Policy': policy, ...headers } = headersOf(pages[0]!);
  assert.ok(policy);
  assert.equal(headers, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
});

test.run();
