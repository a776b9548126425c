/** One word for one thing: library, wire, flags and metrics use the same names for the same things. */
import { settings } from '../../src/cli/serve/settings.ts';
import type { ServerEvent } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';
import { flags, metricsAfter, Types, wire } from '../helpers/vocabulary.ts';

const types = new Types();
const eventTypes = types.variants('src/index.ts', 'ServerEvent');
const dispositions = types.literals('src/index.ts', 'Disposition');
const reasons = types.literals('src/index.ts', 'RefusalReason');

/** One event of each type, disposition and reason. The compiler asks for each type and field. */
const everyEvent: readonly ServerEvent[] = [
  { type: 'listening', at: 0, redirectUri: 'http://127.0.0.1/callback' },
  { type: 'begun', at: 0, flowId: '1', expiresAt: 1 },
  ...dispositions.map(
    (disposition) =>
      ({ type: 'redirect', at: 0, disposition, flowId: undefined, reason: undefined }) as ServerEvent,
  ),
  ...reasons.map(
    (reason) =>
      ({ type: 'redirect', at: 0, disposition: 'malformed', flowId: undefined, reason }) as ServerEvent,
  ),
  { type: 'answered', at: 0, flowId: '1', outcome: 'code', error: undefined },
  { type: 'settled', at: 0, flowId: '1', outcome: 'success' },
  { type: 'closed', at: 0 },
];

/** Words that the glossary replaces, by the word that it has instead. */
const replaced: Readonly<Record<string, string>> = {
  hit: 'redirect',
  transaction: 'flow',
  told: 'ended',
  stands: 'pending',
  finished: 'settled',
  stray: 'unmatched',
  strays: 'unmatched',
  watcher: 'monitor',
  reader: 'monitor',
  visit: 'page session',
  visits: 'page sessions',
  away: 'unavailable',
};

/** Names in the library that have a replaced word in another meaning, each with that meaning. */
const otherMeaning: Readonly<Record<string, string>> = {
  FlowWatcher: 'is told by a store that a flow has ended, and is no monitor',
  watcher: 'a FlowWatcher',
  visit: 'opens a URL as a person does',
  VisitOptions: 'options of visit',
};

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/);

const wrongWords = (names: readonly string[]): string[] =>
  names.filter((name) => !(name in otherMeaning) && wordsOf(name).some((word) => word in replaced));

const test = suite('vocabulary');

test('the library exports no word that the glossary replaces', () => {
  const names = types.published();
  for (const known of ['createOAuthCallbackServer', 'flowId', 'disposition', 'unmatched', 'pageSessionTtl'])
    assert.ok(names.includes(known), known);
  assert.equal(wrongWords(names), []);
  assert.equal(wrongWords(['onStray', 'finished', 'page_visits']), ['onStray', 'finished', 'page_visits']);
});

test('the wire, the flags and the metrics have none either', async () => {
  const { client, service } = wire();
  const onWire = [client, service].flatMap((messages) => [
    ...Object.keys(messages),
    ...Object.values(messages).flat(),
  ]);
  assert.ok(onWire.includes('flowIds') && onWire.includes('resumed'));
  assert.equal(wrongWords(onWire), []);
  const ofFlags = flags().flatMap(({ flag, choices }) => [flag, ...choices]);
  assert.ok(ofFlags.includes('--flow-ttl'));
  assert.equal(wrongWords(ofFlags), []);
  const metrics = await metricsAfter(everyEvent);
  const ofMetrics = Object.entries(metrics).flatMap(([name, labels]) => [name, ...Object.keys(labels)]);
  assert.ok(ofMetrics.includes('rx_oauth_callback_redirects_total'));
  assert.equal(wrongWords(ofMetrics), []);
});

test('a flow is named by flowId in every event and every message', () => {
  const { client, service } = wire();
  const places = { ...eventTypes, ...client, ...service };
  const named = Object.entries(places).flatMap(([type, members]) =>
    members.filter((member) => /flow/i.test(member)).map((member) => `${type}.${member}`),
  );
  assert.ok(named.includes('answered.flowId') && named.includes('ack.flowIds'), named.join());
  assert.equal(
    named.filter((name) => !/\.flowIds?$/.test(name)),
    [],
  );
});

test('watch filters by the types and dispositions of the library', () => {
  const choicesOf = (flag: string): readonly string[] | undefined =>
    flags().find((each) => each.command === 'watch' && each.flag === flag)?.choices;
  assert.equal(choicesOf('--type'), Object.keys(eventTypes).sort());
  assert.equal(choicesOf('--disposition'), dispositions);
});

test('the labels of the metrics have the values of the events', async () => {
  const metrics = await metricsAfter(everyEvent);
  const redirects = metrics['rx_oauth_callback_redirects_total']!;
  assert.equal([...new Set(redirects['disposition'])].sort(), dispositions);
  assert.equal([...new Set(redirects['reason'])].filter(Boolean).sort(), reasons);
  const { outcome } = metrics['rx_oauth_callback_sign_ins_settled_total']!;
  assert.ok(outcome!.includes('success'), String(outcome));
});

test('the message begin has the options of begin, and beside them only what it needs itself', () => {
  // A signal cannot cross, and the client itself shares flows of one key. The message's own key proves who owns the flow.
  const crossing = types
    .members('src/index.ts', 'BeginOptions')
    .filter((name) => !['signal', 'key'].includes(name));
  const ofMessage = wire().client['begin']!.filter((name) => !['type', 'ref', 'key'].includes(name));
  assert.equal(ofMessage, crossing);
});

test('a response has the same members on the wire and in the library', () => {
  const fields = ['code', 'state', 'error', 'error_description', 'error_uri', 'iss'];
  const members = types.members('src/index.ts', 'CallbackResponse');
  assert.equal(
    fields.filter((name) => !members.includes(name)),
    [],
  );
});

/** Settings of `serve` whose flag has another name, each with the reason. */
const otherFlag: Readonly<Record<string, string>> = {
  'bridge.origins': 'pages of these origins may use the bridge, the only part that asks for an origin',
  'jwt.audience': 'only a JWT has an audience',
  'jwt.jwks': 'the flag that turns JWTs on',
  'redis.url': 'the flag that turns Redis on',
  'store.file': 'the flag that turns the store on',
  'webhooks.privateTargets': 'the flag names one webhook',
  'webhooks.secrets': 'the flags of webhooks begin alike',
  'webhooks.targets': 'the flag names one webhook',
};

/** Parts of an option that have a setting of their own. */
const partOf: Readonly<Record<string, string>> = {
  'tls.cert': 'tls',
  'tls.key': 'tls',
  'webhooks.secrets': 'webhooks',
};

test('a setting of serve, its flag and the option that it feeds have one name', () => {
  const kebab = (key: string): string =>
    key.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const last = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
  const flagDiffers = settings.filter(({ key, flag }) => {
    const given = /^--(?:no-)?([\w-]+)/.exec(flag ?? '')?.[1] ?? '';
    // A flag that may be repeated has the singular.
    return ![given, `${given.replace(/y$/, 'ie')}s`, `${given}s`].includes(kebab(key));
  });
  assert.equal(flagDiffers.map(({ key }) => key).sort(), Object.keys(otherFlag));
  const optionDiffers = settings.filter(({ key, feeds }) => feeds !== 'command' && last(key) !== last(feeds));
  assert.equal(
    optionDiffers.map(({ key, feeds }) => [key, last(feeds)]),
    Object.entries(partOf),
  );
});

test.run();
