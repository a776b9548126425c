/** The dashboard of Grafana: Debian's Prometheus, which scrapes a service, has data for every panel. Needs the build. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, from } from 'rxjs';
import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder } from '../helpers/cli.ts';
import { complains } from '../helpers/complains.ts';
import { root } from '../helpers/consumer.ts';
import { visit } from '../helpers/http.ts';
import { freePort, hasRedis, RedisServer } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';
import { certificate } from '../helpers/tls.ts';

// The client of the bridge has no option for certificates of one's own.
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

const prometheus = '/usr/bin/prometheus';
const token = 'a-token-of-an-operator';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: Readonly<Record<'h' | 'w' | 'x' | 'y', number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { name: string; query: string | { query: string } }[] };
}

const dashboard = JSON.parse(
  readFileSync(join(root, 'docs/reference/grafana-dashboard.json'), 'utf8'),
) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
);

type Query = (typeof queries)[number];

/** A sample of a vector, as Prometheus answers it. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

/** Asks Prometheus as Grafana does, after it has replaced its variables. Returns the samples that are numbers. */
async function samplesOf(api: string, expr: string, variables: { job?: string; node?: string } = {}) {
  const { job = '.+', node = '.+' } = variables;
  const query = expr.replaceAll('$__rate_interval', '20s').replaceAll('$job', job).replaceAll('$node', node);
  assert.not.match(query, /\$/);
  const answer = await fetch(`${api}/query?${new URLSearchParams({ query }).toString()}`);
  const { status, data, error } = (await answer.json()) as {
    status: string;
    error?: string;
    data?: { result: Sample[] };
  };
  assert.is(status, 'success', `${query}: ${error}`);
  return (data?.result ?? []).filter(({ value: [, value] }) => Number.isFinite(Number(value)));
}

/** Returns the time of the last scrape; undefined if there was none, or if Prometheus does not answer yet. */
async function scrapedAt(api: string): Promise<string | undefined> {
  const [sample] = await samplesOf(api, 'timestamp(rx_oauth_callback_build_info)').catch(() => []);
  return sample?.value[1];
}

/** Does one of each thing that a metric counts. */
async function traffic(host: RemoteCallbackHost, bridgeUrl: string): Promise<void> {
  const redirect = async (binding: 'none' | 'cookie' | 'code', parameters: Record<string, string>) => {
    const flow = await host.begin({ binding });
    const response = firstValueFrom(from(flow.response), { defaultValue: undefined });
    response.catch(() => undefined);
    const url = new URL(flow.redirectUri);
    url.search = new URLSearchParams({ state: flow.state, ...parameters }).toString();
    await visit(url);
    if (binding !== 'none') {
      flow.cancel();
      return;
    }
    await response;
    flow.settle({ status: 'success' });
  };
  await redirect('none', { code: 'c' });
  await redirect('none', { error: 'access_denied' });
  await redirect('cookie', { code: 'c' });
  await redirect('code', { code: 'c' });
  await visit(`${host.redirectUri}?code=c&code=c&state=s`);
  await assert.rejects(connectCallbackHost(bridgeUrl, { token: 'a-token-of-a-stranger' }));
}

interface Watched {
  /** Address of the API of Prometheus. */
  readonly api: string;
  /** Address that Prometheus scrapes. */
  readonly instance: string;
  /** Lets the service do one of each thing. */
  readonly act: () => Promise<void>;
}

/** Runs a service with Redis and TLS, and a Prometheus that scrapes it. */
async function withPrometheus(body: (watched: Watched) => Promise<void>): Promise<void> {
  using folder = new Folder();
  await using redis = await RedisServer.start();
  const [metrics, port] = [await freePort(), await freePort()];
  const instance = `127.0.0.1:${metrics}`;
  await using service = Cli.start(
    [
      ...['serve', '--json', '--port', '0', '--metrics-port', String(metrics), '--redis', redis.url],
      ...['--tls-cert', folder.write('cert.pem', certificate.cert)],
      ...['--tls-key', folder.write('key.pem', certificate.key)],
    ],
    { RX_OAUTH_CALLBACK_TOKEN: token },
  );
  const { bridgeUrl } = JSON.parse(await service.sees(/^(.*"type":"ready".*)$/m)) as { bridgeUrl: string };
  const config = folder.write(
    'prometheus.yml',
    `global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs: [{ job_name: sign-in, static_configs: [{ targets: ['${instance}'] }] }]`,
  );
  const child = spawn(
    prometheus,
    [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(folder.path, 'data')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    ],
    { stdio: 'ignore' },
  );
  const closed = once(child, 'close');
  const host = await connectCallbackHost(bridgeUrl, { token });
  try {
    await body({
      api: `http://127.0.0.1:${port}/api/v1`,
      instance,
      act: () => traffic(host, bridgeUrl),
    });
  } finally {
    await host.close();
    child.kill('SIGKILL');
    await closed;
  }
}

/** Rejects with the titles of the panels that have no data now. */
async function haveData(api: string, asked: readonly Query[]): Promise<void> {
  const counts = await Promise.all(asked.map(async ({ expr }) => (await samplesOf(api, expr)).length));
  const empty = asked.filter((_, index) => counts[index] === 0);
  assert.equal(empty, [], 'panels without data');
}

/** Acts until every panel has data. */
async function untilAllHaveData({ api, act }: Watched): Promise<void> {
  const end = performance.now() + 25_000;
  for (;;) {
    const before = await scrapedAt(api);
    await act();
    // Prometheus sees an increase only between two scrapes.
    while ((await scrapedAt(api)) === before && performance.now() < end) await new Promise(setImmediate);
    try {
      await haveData(api, queries);
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

const all = suite('dashboard of Grafana');
const test = all.when(existsSync(prometheus) && hasRedis, `no ${prometheus} or redis-server here`);

test(
  'every panel has data from a service that Prometheus scrapes, and none has with a misspelt metric',
  () =>
    withPrometheus(async (watched) => {
      const { api, instance } = watched;
      await untilAllHaveData(watched);
      const labels = async (title: string, label: string): Promise<(string | undefined)[]> => {
        const found = queries.find((query) => query.title === title);
        return (await samplesOf(api, found?.expr ?? title)).map(({ metric }) => metric[label]);
      };
      for (const disposition of ['accepted', 'wrong_browser', 'unconfirmed', 'malformed'])
        assert.ok(
          (await labels('Redirects by disposition', 'disposition')).includes(disposition),
          disposition,
        );
      assert.equal(await labels('Rejected redirects by reason', 'reason'), ['repeated_parameter']);
      assert.equal(await labels('Rejected handshakes', 'cause'), ['unknown_credential']);
      const each = queries.map(async ({ title, expr }) => {
        assert.ok((await samplesOf(api, expr, { job: 'sign-in', node: instance })).length > 0, title);
        assert.equal(await samplesOf(api, expr, { node: 'another-node' }), [], `${title} of another node`);
        assert.equal(await samplesOf(api, expr, { job: 'another' }), [], `${title} of another service`);
        const misspelt = expr.replace(/(?=\{job)/, 's');
        await complains(() => haveData(api, [{ title, expr: misspelt }]), /panels without data/);
      });
      await Promise.all(each);
    }),
  { deadline: 90_000 },
);

all('the variables ask Prometheus for labels that the metrics have', () => {
  assert.equal(
    dashboard.templating.list.map(({ name, query }) => [
      name,
      typeof query === 'string' ? query : query.query,
    ]),
    [
      ['datasource', 'prometheus'],
      ['job', 'label_values(rx_oauth_callback_build_info, job)'],
      ['node', 'label_values(rx_oauth_callback_build_info{job=~"$job"}, instance)'],
    ],
  );
});

all('every metric of the reference is on a panel', () => {
  const reference = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8');
  const names = [...reference.matchAll(/^\| `(rx_oauth_callback_\w+)`/gm)].map(([, name]) => name!);
  assert.ok(names.length > 15);
  assert.equal(
    names.filter((name) => !queries.some(({ expr }) => new RegExp(`\\b${name}(?:_bucket)?\\{`).test(expr))),
    [],
  );
});

all('no panel covers another one', () => {
  const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  assert.is(new Set(cells).size, cells.length);
  assert.ok(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24));
  assert.is(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
});

all.run();
