/** All that an operator has of a running `serve`, at once: the monitor page, `watch`, the metrics. They must agree. */
import { firstValueFrom } from 'rxjs';
import { browserSuite } from '../browser/chromium.ts';
import { connectCallbackHost } from '../../src/client.ts';
import { Cli } from '../helpers/cli.ts';
import { is, match, not } from '../helpers/assert.ts';
import { visit } from '../helpers/wire.ts';
import { isLive, isLocked, keep, shows, tallies } from '../monitor/watching.ts';

const token = 'a-token-of-the-specs';
const canary = 'CANARY-of-a-code';
const env = { RX_OAUTH_CALLBACK_TOKEN: token };
const test = browserSuite('operators of serve');

const signIns = 100;

/** People sign in over the bridge of a service, all at once; some of them come back twice, some come without a code. */
async function signIn(bridgeUrl: string, port: number): Promise<void> {
  await using host = await connectCallbackHost(bridgeUrl, { token });
  const each = async (n: number): Promise<void> => {
    const flow = await host.begin();
    if (n % 4 === 0) await visit(port, `/callback?state=${flow.state}`);
    await visit(port, `/callback?code=${canary}&state=${flow.state}`);
    is((await firstValueFrom(flow.response)).code, canary);
    if (n % 10 === 0) await visit(port, `/callback?code=${canary}&state=${flow.state}`);
  };
  await Promise.all(Array.from({ length: signIns }, (_, n) => each(n)));
}

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
    await signIn(bridgeUrl, port);

    await page
      .locator('dl div', { hasText: `Accepted` })
      .filter({ hasText: String(signIns) })
      .waitFor();
    // One that says that it listens, three of each, and those that are refused.
    await watch.sees(new RegExp(`^(?:[^\\n]*\\n){${1 + signIns * 3 + signIns / 4 + signIns / 10}}$`));
    const metrics = await (await fetch(metricsUrl, { headers: { Authorization: `Bearer ${token}` } })).text();
    const metered = (pattern: RegExp): number => Number(pattern.exec(metrics)?.[1]);
    const events = watch.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const watched = (met: (event: Record<string, unknown>) => boolean): number => events.filter(met).length;

    await page
      .locator('dl div', { hasText: 'Refused' })
      .filter({ hasText: String(signIns / 4 + signIns / 10) })
      .waitFor();
    await shows(page, 'Waiting', 0);
    const { Accepted, Refused } = await tallies(page);
    is(
      watched(({ type }) => type === 'begun'),
      signIns,
    );
    is(
      watched(({ disposition }) => disposition === 'accepted'),
      signIns,
    );
    is(Number(Accepted), signIns);
    is(metered(/^rx_oauth_callback_flows_pending (\d+)$/m), 0);
    const refused = watched(({ disposition }) => disposition !== undefined && disposition !== 'accepted');
    is(refused, signIns / 4 + signIns / 10);
    is(Number(Refused), refused);
    match(await page.locator('#refusals').innerText(), 'Refused: 25 missing code, 10 ');
    for (const line of metrics.split('\n').filter((each) => each.startsWith('rx_oauth_callback_redirects_')))
      match(line, /\d$/);

    await keep(page, 'serve', true);
    for (const secret of [canary, token]) {
      for (const output of [
        service.stdout,
        service.stderr,
        watch.stdout,
        watch.stderr,
        metrics,
        await page.content(),
      ])
        not.match(output, secret);
    }
    is(seen.violations.length, 0);
    watch.signal('SIGINT');
    is((await watch.end()).code, 0);
    service.signal('SIGTERM');
    is((await service.end()).code, 0);
  },
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
