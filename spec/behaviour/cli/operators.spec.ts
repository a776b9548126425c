/** All that an operator has of a running `serve`, at once: the monitor page, `watch`, the metrics. They must agree. */
import { firstValueFrom } from 'rxjs';
import { browserSuite } from '../../browser/chromium.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import { Cli } from '../../helpers/cli.ts';
import { equal, is, match, not, ok } from '../../helpers/assert.ts';
import { send, visit } from '../../helpers/http.ts';
import { everyKind, People } from '../../helpers/people.ts';
import { withRedis } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { screenOf } from '../../helpers/screen.ts';
import {
  brief,
  differences,
  faults,
  headOfPage,
  headOfTerminal,
  latest,
  metered,
  nameOfLine,
  NumberedFeed,
  read,
  rowsOfPage,
  rowsOfTerminal,
  SavedRows,
  told,
} from '../monitor/agreement.ts';
import { isLive, isLocked, keep, shows } from '../monitor/watching.ts';

const token = 'a-token-of-the-specs';
const canary = 'CANARY-of-a-code';
const env = { RX_OAUTH_CALLBACK_TOKEN: token };
const test = browserSuite('operators of serve');

const signIns = Math.max(100, everyKind);
const waitOn = 3;

interface Ready {
  bridgeUrl: string;
  monitorUrl: string;
  metricsUrl: string;
}

/** Line of JSON that a service writes as soon as it has started. */
const readyLine = /^(\{"type":"ready".*\})\n/;

/** People sign in over the bridge of a service, all at once, and some of them wait on. Gives their secrets. */
async function signIn(host: RemoteCallbackHost, people: People): Promise<string[]> {
  const signedIn = Array.from({ length: signIns }, (_, n) => people.signIn(host, n));
  const waiting = Array.from({ length: waitOn }, () => people.wait(host));
  const flows = await Promise.all([...signedIn, ...waiting]);
  return flows.flatMap(({ state, codeVerifier }) => [state, codeVerifier]);
}

async function meteredAt(metricsUrl: string): Promise<string> {
  return (await send(metricsUrl, { headers: { Authorization: `Bearer ${token}` } })).body;
}

/** The value of a metric, by its name and labels. */
function valueOf(metrics: string, name: string): number {
  const sample = `rx_oauth_callback_${name} `;
  const line = metrics.split('\n').find((each) => each.startsWith(sample));
  return Number(line?.slice(sample.length));
}

test(
  'the monitor page, watch and the metrics of serve agree to the last flow',
  async ({ page, seen }) => {
    await using service = Cli.start(['serve', '--json'], env);
    const { bridgeUrl, monitorUrl, metricsUrl } = JSON.parse(await service.sees(readyLine)) as Ready;
    const rows = await SavedRows.of(page);
    await page.goto(monitorUrl);
    await isLive(page);
    using feed = await NumberedFeed.open(bridgeUrl, token);
    const watching = ['watch', bridgeUrl, '--history'];
    await using watch = Cli.start(watching, env);
    await using terminal = Cli.onTerminalOf(24, 500, watching, { ...env, NO_COLOR: '1' });
    const people = new People(canary);
    await using host = await connectCallbackHost(bridgeUrl, { token });
    const secrets = await signIn(host, people);

    const names = ['listening', ...people.events];
    const truth = told(names);
    await feed.has(names.length);
    await watch.sees(new RegExp(`^(?:[^\\n]*\\n){${names.length}}`));
    const lines = watch.stdout.trimEnd().split('\n');
    equal(feed.misnumbered, []);
    equal(faults(feed.all.map(nameOfLine).sort(), names.sort()), []);
    equal(faults(lines, feed.all), []);
    const metrics = await meteredAt(metricsUrl);
    equal(differences(metered(metrics), truth), []);
    for (const ending of ['code', 'error', 'expired', 'cancelled'])
      is(
        valueOf(metrics, `flow_waiting_seconds_count{ending="${ending}"}`),
        people.events.filter((name) => new RegExp(`^(?:answered )?${ending}\\b`).test(name)).length,
        ending,
      );
    const inBrief = brief(truth);
    equal(differences(await read(inBrief, () => headOfPage(page)), inBrief), []);
    equal(differences(await read(inBrief, () => headOfTerminal(terminal.stdout)), inBrief), []);
    await rows.save();
    equal([...rows.amiss, ...faults(rows.all, feed.all)], []);
    const shown = await rowsOfPage(page);
    equal(shown, latest(feed.all, 50));
    terminal.press('\x03');
    const drawn = rowsOfTerminal(screenOf((await terminal.end()).stdout), feed.all.length - 1);
    // The head takes five of 24 rows, the keys one, and the cursor one.
    equal(drawn, latest(feed.all, 17));

    await keep(page, 'serve', true);
    await page.locator('#as-table').click();
    await page.locator('#spans tr').first().waitFor();
    const outputs = {
      serve: service.stdout + service.stderr,
      watch: watch.stdout + watch.stderr,
      metrics,
      'watch on a terminal': terminal.stdout,
      'the page': (await page.content()) + (await page.locator('body').innerText()),
      'what it saves': rows.all.join('\n'),
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
  { deadline: 300_000 },
);

test.when(hasRedis, noRedis)(
  'they agree on flows that Redis has lost, at each node of a service',
  ({ page }) =>
    withRedis(async ({ server, admin }) => {
      const args = ['serve', '--json', '--redis', server.url, '--redis-poll', '200'];
      await using one = Cli.start(args, env);
      await using other = Cli.start(args, env);
      const ready = async (node: Cli): Promise<Ready> => JSON.parse(await node.sees(readyLine)) as Ready;
      const [here, there] = [await ready(one), await ready(other)];
      await page.goto(here.monitorUrl);
      await isLive(page);
      await using watch = Cli.start(['watch', here.bridgeUrl, '--history', '--type', 'cancelled'], env);
      await using atOne = await connectCallbackHost(here.bridgeUrl, { token });
      await using atOther = await connectCallbackHost(there.bridgeUrl, { token });
      const lost = await Promise.all([1, 2, 3].map(() => atOne.begin()));
      await atOther.begin();
      // Ended flows are not lost.
      const ended = await atOne.begin();
      await visit(Number(new URL(there.bridgeUrl).port), `/callback?code=c&state=${ended.state}`);
      is((await firstValueFrom(ended.response)).code, 'c');
      (await atOne.begin()).cancel();
      await shows(page, 'Cancelled', 1);
      await admin.clients[0]!.flushAll();

      await shows(page, 'Failed', 3);
      await shows(page, 'Waiting', 0);
      await page.locator('#filter').fill('lost by the store');
      const shown = page.locator('#rows tr:not([hidden])');
      await shown.nth(2).waitFor();
      is(await shown.count(), 3);
      await watch.sees(/^(?:[^\n]*\n){4}$/);
      const told = watch.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { flowId: string; reason: string });
      equal(
        told.map(({ reason }) => reason),
        ['cancelled', 'lost', 'lost', 'lost'],
      );
      equal(
        told
          .slice(1)
          .map(({ flowId }) => flowId)
          .sort(),
        lost.map(({ id }) => id).sort(),
      );
      await other.sees(/"reason":"lost"/, 'stderr');
      const metered = (name: string): Promise<number[]> =>
        Promise.all([here, there].map(async ({ metricsUrl }) => valueOf(await meteredAt(metricsUrl), name)));
      equal(await metered('flows_ended_total{ending="lost",error=""}'), [3, 1]);
      equal(await metered('flows_ended_total{ending="cancelled",error=""}'), [1, 0]);
      equal(await metered('flow_waiting_seconds_count{ending="lost"}'), [3, 1]);
      equal(await metered('flows_pending'), [0, 0]);
    }),
  { deadline: 300_000 },
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
    match(await page.locator('tr.gap').innerText(), 'The service restarted');
  },
  { deadline: 300_000 },
);

test('the link to the page works if the bridge has a port of its own and the service another name', async ({
  page,
}) => {
  const apart = ['serve', '--json', '--bridge-port', '0', '--public-url'];
  await using service = Cli.start([...apart, 'https://sign-in.example/under'], env);
  const { monitorUrl, bridgeUrl } = JSON.parse(await service.sees(readyLine)) as Record<string, string>;
  match(monitorUrl ?? '', /^http:\/\/127\.0\.0\.1:\d+\/monitor#/);
  await page.goto(monitorUrl ?? '');
  await isLive(page);
  await using host = await connectCallbackHost(bridgeUrl ?? '', { token });
  await host.begin();
  await page.locator('#rows', { hasText: 'begun' }).waitFor();
  // A service without any bridge has no link to show.
  await using everywhere = Cli.start([...apart, 'https://sign-in.example', '--host', '0.0.0.0'], env);
  not.match(await everywhere.sees(readyLine), 'monitor');
  await everywhere.sees(/no link to the monitor is printed: [^\n]*--bridge-port/, 'stderr');
});

test('serve leaves the monitor page out, or serves it at another path', async ({ page }) => {
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
