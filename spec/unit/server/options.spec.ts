import { Server } from 'node:net';
import { Subject, VirtualTimeScheduler } from 'rxjs';
import {
  callbackServer,
  createOAuthCallbackServer,
  InvalidOptionError,
  OAuthCallbackResult,
  type ServerOptions,
} from '../../../src/index.ts';
import { show } from '../../../src/base/validate.ts';
import { readServerOptions } from '../../../src/server/settings.ts';
import * as assert from '../../helpers/assert.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';

type Bad = readonly [option: string, options: unknown, saying: string];

const integers = (option: string, least: number, most: number): Bad[] =>
  [least - 1, most + 1, 1.5, NaN, Infinity, '80', true, null, {}].map((value) => [
    option,
    { [option]: value },
    `from ${least} to ${most}; got`,
  ]);

const bad: readonly Bad[] = [
  ...integers('port', 0, 65_535),
  ['port', { port: [] }, 'got an empty list'],
  ['port', { port: [0, 70_000] }, 'got 70000'],
  ...integers('flowTtl', 1, 86_400_000),
  ...integers('maxFlows', 1, 10_000_000),
  ...integers('closeTimeout', 0, 60_000),

  ...['192.0.2.7', 'myhost', '', '127.0.0.1.nip.io', 'localhost.evil.example', '::ffff:1.2.3.4'].map(
    (host): Bad => ['host', { host }, `unless tls or publicUrl is set; got ${show(host)}`],
  ),
  ['host', { host: 5 }, 'must be a string; got a number'],

  ...[
    'callback',
    '',
    '//evil/cb',
    '/a b',
    '/cb?state=1',
    '/cb#x',
    '/a/../b',
    '/%2e',
    '/<b>',
    '/\n',
    '/ü',
    'http://x/cb',
  ].map((callbackPath): Bad => ['callbackPath', { callbackPath }, `got ${show(callbackPath)}`]),
  ['callbackPath', { callbackPath: null }, 'got null'],

  ...[
    'sign-in.example',
    '/x',
    '',
    'ftp://sign-in.example',
    'javascript:alert(1)',
    'https://sign-in.example/?x=1',
    'https://sign-in.example/#x',
    'https://user@sign-in.example',
    'https://',
  ].map((publicUrl): Bad => ['publicUrl', { publicUrl }, `got ${show(publicUrl)}`]),
  ['publicUrl', { publicUrl: 'http://sign-in.example' }, 'must be https unless it is on loopback'],
  ['publicUrl', { publicUrl: 5 }, 'got 5'],

  ['startPath', { startPath: 5 }, 'must be a string; got a number'],
  ...['', 'go', '/', '/go/', '/a//b', '/a/../b', '/go?x=1', '/%2e'].map((startPath): Bad => [
    'startPath',
    { startPath },
    'must be a URL path without a query or a slash at its end',
  ]),
  ['startPath', { startPath: '/callback' }, 'must differ from the callbackPath'],
  ['binding', { binding: 'lax' }, 'must be one of '],
  ['consent', { consent: true }, 'must be one of '],
  ['server', { server: 5 }, "must be a node:http server or 'mounted'; got 5"],
  ['server', { server: {} }, 'must be a node:http server'],
  ['port', { server: new Server(), port: 1 }, 'applies to an own server only'],
  ['tls', { tls: 'pem' }, 'must be an object; got a string'],
  ['publicUrl', { server: 'mounted' }, "must be given if server is 'mounted'"],
  ['productName', { productName: 5 }, 'must be a string; got a number'],
  ['logo', { logo: 'https://x.example/logo.png' }, 'must be a data:image/ URI'],
  ['language', { language: 'xx' }, 'got "xx"'],
  ['cleanUrl', { cleanUrl: true }, 'got true'],
  ['settle', { settle: true }, 'got true'],
  ['settle', { settle: 300_001 }, 'got 300001'],
  ['finishUrls', { finishUrls: ['/x'] }, 'got "/x"'],
  ['finishUrls', { finishUrls: 'https://x.example' }, 'must be a list; got a string'],
  ['trustedProxies', { trustedProxies: 'loopback' }, 'must be a list; got a string'],
  ['trustedProxies', { trustedProxies: ['localhost'] }, 'got "localhost"'],
  ['trustedProxies', { trustedProxies: ['10.0.0.0/33'] }, 'got "10.0.0.0/33"'],
  ['render', { render: 'html' }, 'must be a function; got a string'],
  ['unmatched', { unmatched: 'drop' }, 'got "drop"'],
  ['unmatched.max', { unmatched: { holdFor: 1, max: 0 } }, 'got 0'],
  ['unmatched.holdFor', { unmatched: { holdFor: 60_001, max: 1 } }, 'got 60001'],
  ['errorWithoutState', { errorWithoutState: 'end' }, 'got "end"'],
  ['issuers', { issuers: ['https://as.example', 'https://as.example'] }, 'twice'],
  ['issuers', { issuers: 'https://as.example' }, 'must be a list; got a string'],
  ['issuers', { issuers: ['as.example'] }, 'must be a URL without query and fragment'],
  ['issuers', { issuers: ['https://as.example?tenant=a'] }, 'got "https://as.example?tenant=a"'],
  ['issuers', { issuers: [''] }, 'got an empty string'],
  ['limits.body', { limits: { body: 0 } }, 'got 0'],
  ['limits.bodies', { limits: { bodies: 1 } }, 'is not an option'],
  ['title', { title: 5 }, 'must be a string; got a number'],
  ['serverUrl', { serverUrl: new URL('https://x.example') }, 'must be a string; got an object'],
  ['resultReady', { resultReady: new Subject() }, 'requires a resultContainer'],
  ['resultReady', { resultContainer: {}, resultReady: () => undefined }, 'must be an object; got a function'],
  ['resultContainer', { resultContainer: 'x' }, 'must be an object; got a string'],
  ['resultContainer', { resultContainer: null }, 'must be an object; got null'],
  ['scheduler', { scheduler: {} }, 'must have a method now'],
  ['scheduler', { scheduler: { now: () => 0 } }, 'must have a method schedule'],
  ['scheduler', { scheduler: 5 }, 'must be an object; got a number'],
  ['logger', { logger: true }, 'must be an object; got a boolean'],
  ['callback_path', { callback_path: '/cb' }, 'is not an option'],
  ['Port', { Port: 1 }, 'is not an option'],
  ['options', { texts: null }, 'of texts must be an object; got null'],
  ['options', { texts: [] }, 'of texts must be an object; got a list'],
  ['options', { texts: { en: 'Hi' } }, 'of texts.en must be an object; got a string'],
  ['options', { texts: { en: [] } }, 'of texts.en must be an object; got a list'],
  ['options', { texts: { en: null } }, 'of texts.en must be an object; got null'],
  ['texts.pt', { texts: { pt: {} } }, 'is not an option of texts'],
  ['texts.en.sucess', { texts: { en: { sucess: 'Hi' } } }, 'is not an option of texts.en'],
  ['texts.de.close', { texts: { de: { close: 1 } } }, 'must be a sentence; got 1'],
  ['texts.de.close', { texts: { de: { close: null } } }, 'must be a sentence; got null'],
  ['texts.en.success', { texts: { en: { success: [] } } }, 'must be a sentence; got []'],
  ['texts.en.success', { texts: { en: { success: '' } } }, 'must be a sentence; got an empty string'],
  ['texts.en.success', { texts: { en: { success: ' \u00a0\n' } } }, 'must be a sentence; got " \u00a0\\n"'],
];

const test = suite('options');

for (const [option, options, saying] of bad) {
  const printed = JSON.stringify(options, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  test(`refuses ${printed} in one sentence that names ${option}`, () => {
    const error = assert.throws(
      () => createOAuthCallbackServer(options as ServerOptions),
      InvalidOptionError,
    );
    assert.is(error.option, option);
    assert.match(error.message, saying);
    assert.match(error.message, new RegExp(`^${option} [^\\n]+$`));
  });
}

test('has a bad value for every option there is', () => {
  const tried = new Set(bad.map(([option]) => option.replace(/\..*/, '')));
  // All options, so that a new one without a row fails to compile, or fails here.
  const every: Required<ServerOptions> = { ...good, server: 'mounted' };
  assert.equal(
    Object.keys(every).filter((option) => !tried.has(option)),
    [],
  );
});

const good: Required<Omit<ServerOptions, 'server'>> = {
  port: [0, 65_535],
  host: 'localhost',
  callbackPath: "/a-b.c~!$&'()*+,;=:@/%20",
  startPath: '/go/on',
  binding: 'code',
  consent: 'always',
  publicUrl: 'https://sign-in.example/base/',
  trustedProxies: ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'],
  serverUrl: 'https://mcp.example',
  title: 'Sign-in',
  tls: {},
  productName: 'P',
  logo: 'data:image/png;base64,AA==',
  language: 'ja',
  texts: { en: { success: 'Welcome' }, 'zh-Hant': {} },
  cleanUrl: 'redirect',
  settle: 300_000,
  finishUrls: ['https://app.example/done'],
  render: () => '',
  unmatched: { holdFor: 60_000, max: 1 },
  errorWithoutState: 'end-only-flow',
  issuers: ['https://as.example', 'https://other.example'],
  limits: {
    connections: 512,
    headers: 100,
    headerBytes: 65_536,
    parameter: 8_192,
    body: 65_536,
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 5_000,
    unmatched: 2_000,
    parameters: 50,
    unmatchedPerSecond: 100,
  },
  resultContainer: new OAuthCallbackResult(),
  resultReady: new Subject<OAuthCallbackResult>(),
  flowTtl: 1,
  maxFlows: 10_000_000,
  closeTimeout: 0,
  scheduler: new VirtualTimeScheduler(),
  logger: console,
};

test('takes every option', () => {
  const settings = readServerOptions(good);
  for (const [option, value] of Object.entries(good)) {
    assert.equal(settings[option as keyof ServerOptions], value);
  }
});

test('reads undefined as left out', () => {
  const options = Object.fromEntries(Object.keys(good).map((name) => [name, undefined]));
  const { ports, callbackQuery, limits, ...settings } = readServerOptions(options);
  assert.equal([ports, callbackQuery, limits.connections], [[0], '', 512]);
  assert.equal(settings, {
    callbackPath: '/callback',
    language: 'auto',
    cleanUrl: 'script',
    settle: false,
    finishUrls: [],
    trustedProxies: [],
    consent: 'remote',
    startPath: '/start',
    unmatched: 'reject',
    errorWithoutState: 'ignore',
    issuers: [],
    flowTtl: 600_000,
    maxFlows: 100_000,
    closeTimeout: 1_500,
  });
});

for (const options of [
  { host: '127.0.0.1' },
  { host: '127.9.9.9' },
  { host: '::1' },
  { host: '0.0.0.0', publicUrl: 'https://sign-in.example' },
  { publicUrl: 'http://127.0.0.1:8080' },
  { publicUrl: 'http://[::1]:8080' },
  { publicUrl: 'http://localhost' },
] satisfies ServerOptions[]) {
  test(`E-08 takes ${JSON.stringify(options)}`, () => {
    assert.is(readServerOptions(options).publicUrl, 'publicUrl' in options ? options.publicUrl : undefined);
  });
}

test('reads its options before it opens a socket, also by callbackServer', () => {
  const sockets = Server.prototype as { listen: unknown };
  const { listen } = sockets;
  let opened = 0;
  try {
    sockets.listen = () => opened++;
    const { ending } = record(callbackServer({ port: -1 }));
    assert.instance((ending as { error: unknown }).error, InvalidOptionError);
    assert.throws(() => createOAuthCallbackServer({ port: -1 }), InvalidOptionError);
  } finally {
    sockets.listen = listen;
  }
  assert.is(opened, 0);
});

test.run();
