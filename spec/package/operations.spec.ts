/** The files of the guides for operators, read by the real programs. Needs the build. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder } from '../helpers/cli.ts';
import { root } from '../helpers/consumer.ts';
import { documentOf } from '../helpers/documents.ts';
import { freePort } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';

/** The only block of a guide with a text in it. */
function blockOf(guide: string, mark: string): string {
  const path = `docs/guides/${guide}.md`;
  const { blocks } = documentOf(path, readFileSync(join(root, path), 'utf8'));
  const found = blocks.filter(({ text }) => text.includes(mark));
  assert.is(found.length, 1, `blocks with ${mark}`);
  return found[0]!.text;
}

/** Runs a program to its end. Returns its exit code and what it has written. */
function run(program: string, args: readonly string[]): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  return { code: status, said: stdout + stderr };
}

const test = suite('files for operators');
const whereIs = (program: string) => test.when(existsSync(program), `no ${program} here`);

const systemd = '/usr/bin/systemd-analyze';

whereIs(systemd)('systemd accepts the unit, and finds a fault in another one', () => {
  using folder = new Folder();
  const unit = blockOf('deploying', '[Service]')
    .replace('/srv/sign-in/node_modules/.bin/rx-oauth-callback', process.execPath)
    .replaceAll('/srv/sign-in', folder.path)
    .replace('User=sign-in', 'User=root');
  const file = join(folder.path, 'sign-in.service');
  folder.write('sign-in.service', unit);
  const { code, said } = run(systemd, ['verify', '--man=no', file]);
  assert.equal([code, said.split('\n').filter((line) => line.includes('sign-in.service'))], [0, []]);
  folder.write('sign-in.service', unit.replace('ExecReload', 'ExecReloads'));
  assert.match(run(systemd, ['verify', '--man=no', file]).said, 'ExecReloads');
});

const promtool = '/usr/bin/promtool';

whereIs(promtool)(
  'Prometheus accepts the rules, the scrape configuration and the metrics of a service',
  async () => {
    using folder = new Folder();
    folder.write('rules.yml', blockOf('operator-page', 'alert: SignInsFail'));
    folder.write('prometheus.yml', blockOf('operator-page', 'scrape_configs'));
    const [rules, config] = ['rules.yml', 'prometheus.yml'].map((name) => join(folder.path, name));
    assert.match(run(promtool, ['check', 'rules', rules!]).said, 'SUCCESS: 6 rules found');
    assert.is(run(promtool, ['check', 'config', '--syntax-only', config!]).code, 0);
    const metrics = await freePort();
    await using service = Cli.start([
      ...[
        'serve',
        '--json',
        '--port',
        '0',
        '--token',
        'a-token-of-an-operator',
        '--metrics-port',
        String(metrics),
      ],
    ]);
    await service.sees(/"type":"ready"/);
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const checked = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
    // It has its own taste for names of counters; what it cannot read ends it with 1.
    assert.ok(checked.status !== 1, checked.stderr);
    // Each metric of a rule exists, but for those of what this service does not have.
    const absent = [
      'rx_oauth_callback_store_up',
      'rx_oauth_callback_tls_certificate_expiry_timestamp_seconds',
    ];
    const names = new Set(readFileSync(rules!, 'utf8').match(/rx_oauth_callback_\w+/g));
    assert.equal(
      [...names].filter((name) => !text.includes(`${name}{`) && !text.includes(`${name} `)).sort(),
      absent,
    );
  },
);

whereIs(promtool)('the alerts are raised by what they are for, and by nothing less', () => {
  using folder = new Folder();
  folder.write('rules.yml', blockOf('operator-page', 'alert: SignInsFail'));
  const ended = 'rx_oauth_callback_flows_ended_total';
  folder.write(
    'test.yml',
    `rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: '${ended}{ending="code",error=""}', values: '0+1x60' }
      - { series: '${ended}{ending="error",error="access_denied"}', values: '0+0x30 0+3x30' }
      - { series: '${ended}{ending="lost",error=""}', values: '0x60' }
      - { series: 'rx_oauth_callback_store_up', values: '1x40 0x20' }
    alert_rule_test:
      - { eval_time: 30m, alertname: SignInsFail, exp_alerts: [] }
      - eval_time: 60m
        alertname: SignInsFail
        exp_alerts:
          - exp_annotations: { summary: 'More than half of the sign-ins fail or are not finished.' }
      - { eval_time: 60m, alertname: SignInFlowsLost, exp_alerts: [] }
      - { eval_time: 41m, alertname: SignInStoreAway, exp_alerts: [] }
      - eval_time: 43m
        alertname: SignInStoreAway
        exp_alerts:
          - exp_annotations: { summary: 'The store cannot be reached: no sign-in can begin or end.' }
`,
  );
  const { code, said } = run(promtool, ['test', 'rules', join(folder.path, 'test.yml')]);
  assert.is(code, 0, said);
});

test('the probes of Kubernetes ask what the service answers, with the arguments that are written there', async () => {
  const block = blockOf('deploying', 'kind: Deployment');
  const [, list = ''] = /args: \[(.*)\]/.exec(block) ?? [];
  const [port, health] = [await freePort(), await freePort()];
  const here = list.replace('8080', String(port)).replace('8081', String(health)).split(', ');
  await using service = Cli.start([...here, '--json'], {
    RX_OAUTH_CALLBACK_PUBLIC_URL: 'https://sign-in.example',
    RX_OAUTH_CALLBACK_TOKEN: 'a-token-of-an-operator',
  });
  await service.sees(/"type":"ready"/);
  const probes = [...block.matchAll(/httpGet: \{ path: (\S+), port: (\d+) \}/g)];
  assert.equal(
    probes.map(([, path, at]) => [path, at]),
    [
      ['/readyz', '8081'],
      ['/healthz', '8081'],
    ],
  );
  for (const [, path] of probes)
    assert.is((await fetch(`http://127.0.0.1:${health}${path}`)).status, 200, path);
});

test.run();
