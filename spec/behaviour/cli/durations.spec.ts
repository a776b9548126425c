/** Durations with units, and a logo from a file: what they change for those who use the built command. */
import { writeFileSync } from 'node:fs';
import { connectCallbackHost } from '../../../src/client.ts';
import { durationOf, showDuration } from '../../../src/cli/settings/duration.ts';
import * as duration from '../../../src/cli/settings/duration.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder } from '../../helpers/cli.ts';
import { visit } from '../../helpers/http.ts';
import { startIssuer } from '../../helpers/issuer.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const token = 'the-token-of-a-program';
const test = suite('durations and logos');

interface Addresses {
  redirectUri: string;
  bridgeUrl: string;
}

async function serving(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  body: (addresses: Addresses) => Promise<void>,
): Promise<void> {
  await using cli = Cli.start(['serve', '--json', '--drain', '0', ...args], {
    RX_OAUTH_CALLBACK_TOKEN: token,
    ...env,
  });
  await body(JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/)) as Addresses);
}

/** Hours that a sign-in of the service may take. */
async function hoursAt({ bridgeUrl }: Addresses): Promise<number> {
  const host = await connectCallbackHost(bridgeUrl, { token, report: () => undefined });
  try {
    const before = Date.now();
    const flow = await host.begin();
    return Math.round((flow.expiresAt - before) / 3_600_000);
  } finally {
    await host.close();
  }
}

for (const [layer, args, env, content] of [
  ['a flag', ['--flow-ttl', '2h'], {}, undefined],
  ['a variable', [], { RX_OAUTH_CALLBACK_FLOW_TTL: '180m' }, undefined],
  ['the file', [], {}, { flowTtl: '14400s' }],
  ['the file, as a bare number', [], {}, { flowTtl: 18_000_000 }],
] as const)
  test(`serve takes a duration from ${layer}`, async () => {
    using folder = new Folder();
    const file = content === undefined ? [] : ['--config', folder.write('serve.json', content)];
    await serving([...args, ...file], env, async (addresses) => {
      const expected = { 'a flag': 2, 'a variable': 3, 'the file': 4, 'the file, as a bare number': 5 };
      assert.is(await hoursAt(addresses), expected[layer]);
    });
  });

for (const [layer, args, env, shown] of [
  ['a flag', ['--timeout', '2h'], {}, /expires in (?:1 h 59 min|2 h)/],
  ['a variable', [], { RX_OAUTH_CALLBACK_LOGIN_TIMEOUT: '30m' }, /expires in (?:29 min|30 min)/],
  ['a flag, as bare seconds', ['--timeout', '10800'], {}, /expires in (?:2 h 59 min|3 h)/],
] as const)
  test(`login takes a duration from ${layer}`, async () => {
    await using as = await startIssuer({});
    const flags = ['login', '--issuer', as.issuer, '--client-id', 'c', '--no-browser', ...args];
    await using cli = Cli.start(flags, env);
    await cli.sees(shown, 'stderr');
  });

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'); // prettier-ignore
const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>';

for (const [type, content] of [
  ['png', png],
  ['svg+xml', Buffer.from(svg)],
] as const)
  test(`the pages of serve show a logo from a file: ${type}`, async () => {
    using folder = new Folder();
    // In the file the path begins at its folder.
    writeFileSync(`${folder.path}/logo`, content);
    const config = folder.write('serve.json', { logo: 'logo' });
    await serving(['--config', config], {}, async ({ redirectUri }) => {
      const { port, pathname } = new URL(redirectUri);
      const { body } = await visit(Number(port), `${pathname}?code=c&state=unknown`);
      assert.match(body, `<img class="logo" src="data:image/${type};base64,${content.toString('base64')}"`);
    });
  });

const cases: readonly (readonly [given: unknown, ms: number | undefined])[] = [
  ['500ms', 500],
  ['30s', 30_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  [250, 250],
  ['1.5s', undefined],
  ['-1s', undefined],
  ['', undefined],
  ['1', undefined],
  ['1m30s', undefined],
  [1.5, undefined],
  [NaN, undefined],
];

test('a duration is a whole number with one unit', () => {
  for (const [given, ms] of cases) assert.is(durationOf(given), ms, String(given));
  assert.equal(
    [0, 1_500, 5_000, 600_000, 43_200_000].map((ms) => showDuration(ms)),
    ['0s', '1500ms', '5s', '10m', '12h'],
  );
});

test('a twin with another length of a minute fails', async () => {
  const twin = (await weakenedModule(
    'cli/settings/duration.ts',
    edit('m: 60_000', 'm: 1'),
  )) as typeof duration;
  assert.is.not(twin.durationOf('10m'), 600_000);
});

test.run();
