/** All that an operator has of a running `serve`, at once: the monitor page, `watch`, the metrics. They must agree. */
import { firstValueFrom } from 'rxjs';
import { browserSuite } from '../browser/chromium.ts';
import { connectCallbackHost } from '../../src/client.ts';
import { Cli } from '../helpers/cli.ts';
import { equal, is, match, not, ok } from '../helpers/assert.ts';
import { withRedis } from '../helpers/redis.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import { visit } from '../helpers/wire.ts';
import { isLive, isLocked, keep, saved, shows, tallies } from '../monitor/watching.ts';

const token = 'a-token-of-the-specs';
const canary = 'CANARY-of-a-code';
const env = { RX_OAUTH_CALLBACK_TOKEN: token };
const test = browserSuite('operators of serve');

const signIns = 100;

/** People sign in over the bridge of a service, all at once; some of them come back twice, some come without a code. Gives their secrets. */
async function signIn(bridgeUrl: string, port: number): Promise<string[]> {
  await using host = await connectCallbackHost(bridgeUrl, { token });
  const each = async (n: number): Promise<string[]> => {
    const flow = await host.begin();
    if (n % 4 === 0) await visit(port, `/callback?state=${flow.state}`);
    await visit(port, `/callback?code=${canary}&state=${flow.state}`);
    is((await firstValueFrom(flow.response)).code, canary);
    if (n % 10 === 0) await visit(port, `/callback?code=${canary}&state=${flow.state}`);
    return [flow.state, flow.codeVerifier];
  };
  return (await Promise.all(Array.from({ length: signIns }, (_, n) => each(n)))).flat();
}

function tallied(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

const sorted = (counts: Iterable<readonly [string, number]>): (readonly [string, number])[] =>
  [...counts].sort(([one], [other]) => one.localeCompare(other));

test(
  'the monitor page, watch and the metrics of serve agree to the last flow',
  async ({ page, seen }) => {
    await using service = Cli.start(['serve', '--json'], env);
    const { bridgeUrl, monitorUrl, metricsUrl } = JSON.parse(
      await service.sees(/^(\{"type":"ready".*\})\n/),
    ) as Record<'bridgeUrl' | 'monitorUrl' | 'metricsUrl', string>;
    const port = Number(new URL(bridgeUrl).port);
    await page.goto(monitorUrl);
    await isLive(page);
    await using watch = Cli.start(['watch', bridgeUrl, '--history'], env);
    const secrets = await signIn(bridgeUrl, port);

    await page
      .locator('dl div', { hasText: `Accepted` })
      .filter({ hasText: String(signIns) })
      .waitFor();
    // One that says that it listens, three of each, and those that are refused.
    await watch.sees(new RegExp(`^(?:[^\\n]*\\n){${1 + signIns * 3 + signIns / 4 + signIns / 10}}$`));
    const metrics = await (await fetch(metricsUrl, { headers: { Authorization: `Bearer ${token}` } })).text();
    const metered = (name: string): number => {
      const sample = `rx_oauth_callback_${name} `;
      return Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(sample))
          ?.slice(sample.length),
      );
    };
    const events = watch.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const watched = (met: (event: Record<string, string>) => boolean): number => events.filter(met).length;

    await page
      .locator('dl div', { hasText: 'Refused' })
      .filter({ hasText: String(signIns / 4 + signIns / 10) })
      .waitFor();
    await shows(page, 'Waiting', 0);
    const { Accepted, Refused } = await tallies(page);
    equal([watched(({ type }) => type === 'begun'), Number(Accepted)], [signIns, signIns]);
    equal(['flows_pending', 'flows_begun_total', 'flows_ended_total{ending="code",error=""}'].map(metered), [
      0,
      signIns,
      signIns,
    ]);
    is(metered('flow_waiting_seconds_count{ending="code"}'), signIns);
    // All there are of each kind, by all three.
    const told = tallied(
      events.map(({ disposition = '', reason = '' }) => `${disposition} ${reason}`.trim()),
    );
    told.delete('');
    const counted = new Map(
      [...metrics.matchAll(/^rx_oauth_callback_redirects_total\{disposition="(.*)",reason="(.*)"\} (.+)$/gm)]
        .map(([, disposition, reason, count]) => [`${disposition} ${reason}`.trim(), Number(count)] as const)
        .filter(([, count]) => count > 0),
    );
    equal(sorted(counted), sorted(told));
    equal(sorted(told), [
      ['accepted', signIns],
      ['duplicate', signIns / 10],
      ['malformed missing_code', signIns / 4],
    ]);
    is(Number(Refused), signIns / 4 + signIns / 10);
    is(await page.locator('#refusals').innerText(), 'Refused: 25 missing code, 10 duplicate');

    await keep(page, 'serve', true);
    await page.locator('#as-table').click();
    await page.locator('#spans tr').first().waitFor({ timeout: 12_000 });
    const outputs = {
      serve: service.stdout + service.stderr,
      watch: watch.stdout + watch.stderr,
      metrics,
      'the page': (await page.content()) + (await page.locator('body').innerText()),
      'what it saves': JSON.stringify(await saved(page)),
    };
    for (const [whose, output] of Object.entries(outputs)) {
      ok(output.length > 500, whose);
      for (const secret of [canary, token, ...secrets])
        ok(!output.includes(secret), `${whose} shows ${secret}`);
    }
    is(seen.violations.length, 0);
    watch.signal('SIGINT');
    is((await watch.end()).code, 0);
    service.signal('SIGTERM');
    is((await service.end()).code, 0);
  },
  { deadline: 40_000 },
);

interface Ready {
  bridgeUrl: string;
  monitorUrl: string;
  metricsUrl: string;
}

/** The value of a metric, by its name and labels. */
async function meteredAt(metricsUrl: string, name: string): Promise<number> {
  const answer = await fetch(metricsUrl, { headers: { Authorization: `Bearer ${token}` } });
  const sample = `rx_oauth_callback_${name} `;
  const line = (await answer.text()).split('\n').find((each) => each.startsWith(sample));
  return Number(line?.slice(sample.length));
}

test.when(hasRedis, noRedis)(
  'they agree on what Redis has lost, at each node of a service',
  ({ page }) =>
    withRedis(async ({ server, admin }) => {
      const args = ['serve', '--json', '--redis', server.url, '--redis-poll', '200'];
      await using one = Cli.start(args, env);
      await using other = Cli.start(args, env);
      const ready = async (node: Cli): Promise<Ready> =>
        JSON.parse(await node.sees(/^(\{"type":"ready".*\})\n/)) as Ready;
      const [here, there] = [await ready(one), await ready(other)];
      await page.goto(here.monitorUrl);
      await isLive(page);
      await using watch = Cli.start(['watch', here.bridgeUrl, '--history', '--type', 'cancelled'], env);
      await using atOne = await connectCallbackHost(here.bridgeUrl, { token });
      await using atOther = await connectCallbackHost(there.bridgeUrl, { token });
      const lost = await Promise.all([1, 2, 3].map(() => atOne.begin()));
      await atOther.begin();
      // Of those that have ended nothing is lost.
      const ended = await atOne.begin();
      await visit(Number(new URL(there.bridgeUrl).port), `/callback?code=c&state=${ended.state}`);
      is((await firstValueFrom(ended.response)).code, 'c');
      (await atOne.begin()).cancel();
      await shows(page, 'Cancelled', 1);
      await admin.clients[0]!.flushAll();

      await shows(page, 'Cancelled', 4);
      await shows(page, 'Waiting', 0);
      await page.locator('#filter').fill('lost by its store');
      const shown = page.locator('#rows tr:not([hidden])');
      await shown.nth(2).waitFor();
      is(await shown.count(), 3);
      await watch.sees(/^(?:[^\n]*\n){4}$/);
      const told = watch.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { flow: string; reason: string });
      equal(
        told.map(({ reason }) => reason),
        ['cancelled', 'lost', 'lost', 'lost'],
      );
      equal(
        told
          .slice(1)
          .map(({ flow }) => flow)
          .sort(),
        lost.map(({ id }) => id).sort(),
      );
      await other.sees(/"reason":"lost"/, 'stderr');
      const metered = (name: string): Promise<number[]> =>
        Promise.all([here, there].map(({ metricsUrl }) => meteredAt(metricsUrl, name)));
      equal(await metered('flows_ended_total{ending="lost",error=""}'), [3, 1]);
      equal(await metered('flows_ended_total{ending="cancelled",error=""}'), [1, 0]);
      equal(await metered('flow_waiting_seconds_count{ending="lost"}'), [3, 1]);
      equal(await metered('flows_pending'), [0, 0]);
    }),
  { deadline: 40_000 },
);

test(
  'the page waits for a service that restarts, and then asks for a token',
  async ({ page }) => {
    let port: string;
    {
      await using service = Cli.start(['serve'], env);
      const link = await service.sees(/Monitor +(\S+)\n/);
      ({ port } = new URL(link));
      await page.goto(link);
      await isLive(page);
      service.signal('SIGTERM');
      is((await service.end()).code, 0);
    }
    await page.locator('#status[data-state=away]').waitFor();
    await using again = Cli.start(['serve', '--port', port], env);
    await again.sees(/Redirect URI/);
    await isLocked(page);
    await page.locator('#token').fill(token);
    await page.locator('#token').press('Enter');
    await isLive(page);
    match(await page.locator('tr.gap').innerText(), 'The service has restarted');
  },
  { deadline: 40_000 },
);

test('the link to the page is good where the bridge has a port of its own, and the service another name', async ({
  page,
}) => {
  const apart = ['serve', '--json', '--bridge-port', '0', '--public-url'];
  await using service = Cli.start([...apart, 'https://sign-in.example/under'], env);
  const ready = /^(\{"type":"ready".*\})\n/;
  const { monitorUrl, bridgeUrl } = JSON.parse(await service.sees(ready)) as Record<string, string>;
  match(monitorUrl ?? '', /^http:\/\/127\.0\.0\.1:\d+\/monitor#/);
  await page.goto(monitorUrl ?? '');
  await isLive(page);
  await using host = await connectCallbackHost(bridgeUrl ?? '', { token });
  await host.begin();
  await page.locator('#rows', { hasText: 'begun' }).waitFor();
  // Where there can be none, there is none.
  await using everywhere = Cli.start([...apart, 'https://sign-in.example', '--host', '0.0.0.0'], env);
  not.match(await everywhere.sees(ready), 'monitor');
  await everywhere.sees(/there is no link to the monitor: [^\n]*--bridge-port/, 'stderr');
});

test('serve has no monitor page where none is wanted, and one at another path', async ({ page }) => {
  await using without = Cli.start(['serve', '--monitor-path', 'false'], env);
  const { origin } = new URL(await without.sees(/Redirect URI +(\S+)\n/));
  is((await page.goto(`${origin}/monitor`))?.status(), 404);
  not.match(without.stdout, 'Monitor');
  await using elsewhere = Cli.start(['serve'], {
    ...env,
    RX_OAUTH_CALLBACK_MONITOR_PATH: '/operators/sign-ins',
  });
  await page.goto(await elsewhere.sees(/Monitor +(\S+\/operators\/sign-ins#\S+)\n/));
  await isLive(page);
});

test.run();
