/** The files of the guides for operators, read by the real programs. Needs the build. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder } from '../helpers/cli.ts';
import { root } from '../helpers/consumer.ts';
import { argsOf, commandOf, lint, listForm } from '../helpers/containerfile.ts';
import { documentOf } from '../helpers/documents.ts';
import { freePort } from '../helpers/redis-server.ts';
import { Registry } from '../helpers/registry.ts';
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

const containerfile = blockOf('deploying', 'FROM node');

test('the Containerfile breaks no rule of an image for a service, and each fault in it is found', () => {
  assert.equal(lint(containerfile), []);
  const faults: readonly (readonly [find: string | RegExp, twin: string, complaint: string])[] = [
    ['node:22-alpine', 'node:latest', 'FROM must not be node:latest'],
    ['node:22-alpine', 'node', 'FROM must not be node'],
    ['WORKDIR /app', 'WORKDIR app', 'WORKDIR must not be app'],
    ['USER 1000\n', '', 'USER must occur once; got 0 times'],
    ['USER 1000', 'USER root', 'USER must not be root'],
    ['USER 1000', 'USER 0:0', 'USER must not be 0:0'],
    ['EXPOSE 8080', 'EXPOSE 80', 'EXPOSE must not be 80'],
    ['SIGTERM', 'SIGKILL', 'STOPSIGNAL must not be SIGKILL'],
    ['EXPOSE', 'ENV RX_OAUTH_CALLBACK_TOKEN=abc\nEXPOSE', 'ENV must not be RX_OAUTH_CALLBACK_TOKEN=abc'],
    ['EXPOSE', 'ARG CLIENT_SECRET\nEXPOSE', 'ARG must not be CLIENT_SECRET'],
    ['"serve"', '"serve", "--token", "abc"', 'CMD must not be ["serve", "--token"'],
    [/HEALTHCHECK.*\n.*\n/, '', 'HEALTHCHECK must occur once; got 0 times'],
    [/HEALTHCHECK.*\n.*\n/, 'HEALTHCHECK NONE\n', 'HEALTHCHECK must not be NONE'],
    ['CMD ["node"', 'CMD node', 'HEALTHCHECK must not be'],
    [/ENTRYPOINT .*/, 'ENTRYPOINT exec npx rx-oauth-callback', 'ENTRYPOINT must not be exec npx'],
    [/\nCMD .*/, '\nCMD serve --port 8080', 'CMD must not be serve --port 8080'],
    ['EXPOSE', 'EXPORT', 'EXPORT must not be 8080'],
  ];
  for (const [find, broken, complaint] of faults) {
    const twin = containerfile.replace(find, broken);
    assert.is.not(twin, containerfile, complaint);
    assert.match(lint(twin).join('\n'), complaint);
  }
});

test(
  'the commands of the Containerfile install the service, start it, check its health and stop it',
  async () => {
    using folder = new Folder();
    const app = join(folder.path, 'app');
    mkdirSync(app);
    chmodSync(folder.path, 0o755);
    const [port, health] = [await freePort(), await freePort()];
    const file = containerfile
      .replaceAll('/app', app)
      .replaceAll('8080', String(port))
      .replaceAll('8081', String(health));
    const packages = await install(argsOf(file, 'RUN'), app, join(folder.path, 'home'));
    assert.equal(installedIn(app), packages);

    const token = 'a-token-of-an-operator';
    const tokens = folder.write('tokens.json', [{ name: 'ci', token, roles: ['monitor'] }], 0o644);
    const command = [argsOf(file, 'ENTRYPOINT'), argsOf(file, 'CMD')].flatMap((words) => listForm(words)!);
    await using service = Cli.program([...asUser(argsOf(file, 'USER')), ...command], {
      RX_OAUTH_CALLBACK_TOKENS: tokens,
      RX_OAUTH_CALLBACK_PUBLIC_URL: 'https://sign-in.example',
    });
    await service.sees(/listening at/, 'stderr');
    // Published ports lead to an address that is not the loopback address of the container.
    const probe = `http://127.0.0.2:${port}/readyz`;
    const headers = { authorization: `Bearer ${token}`, host: 'sign-in.example' };
    assert.is((await fetch(probe, { headers })).status, 200);
    await assert.rejects(fetch(`http://127.0.0.2:${health}/healthz`));

    const [program = '', ...args] = commandOf(argsOf(file, 'HEALTHCHECK'))!;
    assert.equal(run(program, args), { code: 0, said: '' });
    folder.write('tokens.json', [{ name: 'later', token, roles: ['monitor'] }], 0o644);
    service.signal('SIGHUP');
    await service.sees(/tokens reloaded: later/, 'stderr');
    service.signal(argsOf(file, 'STOPSIGNAL') as NodeJS.Signals);
    const { code, stdout, stderr } = await service.end();
    assert.is(code, 0, stderr);
    assert.not.match(stdout + stderr, token);
    assert.is(run(program, args).code, 1, 'the health of a service that has stopped');
  },
  { deadline: 300_000 },
);

/** Runs the RUN command of an image. Returns the names of the packages that it should have installed. */
async function install(command: string, app: string, home: string): Promise<string[]> {
  await using registry = await Registry.open('rx-oauth-callback', 'redis');
  // The cache of npm is in the folder too, since the command empties it.
  const env = { HOME: home, npm_config_registry: registry.url, npm_config_cache: join(home, 'cache') };
  await using shell = Cli.program(['sh', '-c', `cd '${app}' && ${command}`], env);
  const { code, stderr } = await shell.end(240_000);
  assert.is(code, 0, stderr);
  return registry.names;
}

/** Names of the packages in a folder of a project. */
function installedIn(folder: string): string[] {
  const modules = join(folder, 'node_modules');
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : name,
    )
    .sort();
}

/** Words before a command that run it as the user of an image. Only root can. */
function asUser(user: string): string[] {
  return process.getuid?.() === 0
    ? ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs']
    : [];
}

test.run();
