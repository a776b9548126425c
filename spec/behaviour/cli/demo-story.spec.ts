import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoEvent } from '../../../src/cli/demo/events.ts';
import { summaryOf, type Summary } from '../../../src/cli/demo/summary.ts';
import type { ServerEvent } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Rejects if the demo takes too long, or exits with anything but 0. */
const runDemo = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'demo', ...args], {
    cwd: root,
    timeout: 60_000,
  });

/** Shared by several tests, because one run is enough. */
let toldAsJson: ReturnType<typeof runDemo> | undefined;
const tellAsJson = () => (toldAsJson ??= runDemo('--json'));

const linesOf = (text: string) => text.split('\n').filter(Boolean);

/** Codes, states, verifiers and tokens are 43 characters or more of base64url. */
const secretsIn = (text: string) => text.match(/[\w-]{40,}|\b(?:code|state|code_verifier|\w+_token)=/g) ?? [];

const test = suite('demo');

test('ends each sign-in as it should and tells it as JSON lines', async () => {
  const { stdout, stderr } = await tellAsJson();
  const lines = linesOf(stdout).map((line) => JSON.parse(line) as DemoEvent | Summary);
  const summary = lines.pop() as Summary;
  const events = lines as DemoEvent[];

  assert.is(stderr, '');
  assert.is(summary.type, 'summary');
  assert.is(summary.ok, true);
  assert.equal(
    summary.flows.map(({ client, user, actual }) => [client, user, actual]),
    [
      ['Notes', 'ada', 'signed_in'],
      ['Notes', 'barbara', 'signed_in'],
      ['Photo Backup', 'claude', 'signed_in'],
      ['Photo Backup', 'donald', 'signed_in'],
      ['Notes', 'edsger', 'access_denied'],
      ['Photo Backup', 'frances', 'expired'],
      ['Notes', 'grace', 'signed_in'],
    ],
  );
  assert.equal(summary.forged, { sent: 2, unmatched: 1, malformed: 1 });
  assert.equal(summary.monitor, { counts: { begun: 7, redirect: 8, answered: 6, expired: 1 }, missed: 0 });
  assert.equal(secretsIn(stdout), []);
  const remote = summary.flows.at(-1)?.flow ?? '';
  assert.equal(
    events
      .filter((event) => event.type === 'verified')
      .map(({ flowId, subject }) => `${flowId === remote ? 'remote' : flowId} ${subject}`)
      .sort(),
    ['1 ada', '2 barbara', '3 claude', '4 donald', 'remote grace'],
  );
  const monitored = events.flatMap((event) => (event.type === 'monitored' ? [event.event] : []));
  assert.equal(
    monitored.filter((event) => 'flowId' in event && event.flowId === remote).map(({ type }) => type),
    ['begun', 'redirect', 'answered'],
  );
});

test('sends the forged redirects while every sign-in is pending', async () => {
  const { stdout } = await tellAsJson();
  const types = linesOf(stdout).map((line) => (JSON.parse(line) as DemoEvent | Summary).type);
  const opened = types.lastIndexOf('opened');
  const forged = types.lastIndexOf('forged');

  assert.is(types.filter((type) => type === 'opened').length, 7);
  assert.ok(opened < types.indexOf('forged'));
  assert.not.ok(types.slice(0, forged).some((type) => type === 'answered' || type === 'expired'));
});

test('tells it to people in plain text with a closing table', async () => {
  const { stdout, stderr } = await runDemo();

  assert.is(stderr, '');
  assert.not.match(stdout, '\u001b');
  assert.equal(secretsIn(stdout), []);
  for (const sentence of [
    /^ +\d+ ms {2}server {4}listening at http:\/\/127\.0\.0\.1:\d+\/callback$/m,
    /^ +\d+ ms {2}flow 1 {4}ID token verified, its subject is ada$/m,
    /^ +\d+ ms {2}flow 5 {4}edsger reads “Sign-in cancelled”$/m,
    /^5 +Notes +edsger +access_denied +access_denied +\d+$/m,
    /^6 +Photo Backup +frances +expired +expired +\d+$/m,
    /^ +\d+ ms {2}remote {4}ID token verified, its subject is grace$/m,
    /^remote +Notes +grace +signed_in +signed_in +\d+$/m,
    /^The monitor saw over the bridge: 7 begun, .*; it missed 0\.$/m,
    /^The forged redirects touched nobody: 1 unmatched, 1 malformed\.\nEvery sign-in ended as it should\.\n$/m,
  ]) {
    assert.match(stdout, sentence);
  }
});

const begun: ServerEvent = { type: 'begun', at: 1, flowId: '1', expiresAt: 9 };
/** An event of the server, and of the monitor. */
const seen = (event: ServerEvent): DemoEvent[] => [event, { type: 'monitored', at: event.at, event }];
const ended: DemoEvent = {
  type: 'ended',
  at: 3,
  flow: '1',
  client: 'Notes',
  user: 'ada',
  expected: 'signed_in',
  actual: 'signed_in',
  ms: 2,
};
const forged: DemoEvent = { type: 'forged', at: 2, forgery: 'unknown state', status: 400, headline: '' };
const redirect = (disposition: 'accepted' | 'unmatched'): ServerEvent => ({
  type: 'redirect',
  at: 2,
  disposition,
  flowId: undefined,
  reason: undefined,
});

test('succeeds only if every sign-in ended as it should', () => {
  const strange = seen(redirect('unmatched'));
  const good = [...seen(begun), ...strange, forged, ended];
  assert.is(summaryOf(good).ok, true);

  const accepted = [...seen(begun), ...seen(redirect('accepted')), forged, ended];
  assert.is(summaryOf(accepted).ok, false, 'a forgery was accepted');
  assert.is(summaryOf(good.slice(0, -1)).ok, false, 'a flow never ended');
  const otherwise = [...good.slice(0, -1), { ...ended, actual: 'wrong_subject' }];
  assert.is(summaryOf(otherwise).ok, false, 'a flow ended otherwise');
  assert.is(summaryOf([begun, ...strange, forged, ended]).ok, false, 'the monitor missed something');
});

test('would be caught leaking a secret', () => {
  assert.equal(secretsIn('/callback?code=abc'), ['code=']);
  assert.is(secretsIn(`"state":"${'x'.repeat(43)}"`).length, 1);
});

test.run();
