/** The settings of docs/guides/deploying.md, in the real nginx, HAProxy and Caddy before the real command. Needs the build. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { firstValueFrom } from 'rxjs';
import { connectCallbackHost, ConnectionError } from '../../src/client.ts';
import * as assert from '../helpers/assert.ts';
import { Cli, Folder } from '../helpers/cli.ts';
import { complains } from '../helpers/complains.ts';
import { root } from '../helpers/consumer.ts';
import { documentOf } from '../helpers/documents.ts';
import { freePort } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';
import { certificate } from '../helpers/tls.ts';

// The client of the bridge has no option for certificates of one's own.
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

const path = 'docs/guides/deploying.md';
const { blocks } = documentOf(path, readFileSync(join(root, path), 'utf8'));
const token = 'a-token-of-listener-and-monitor';
const nginx = '/usr/sbin/nginx';
const haproxy = '/usr/sbin/haproxy';
const caddy = '/usr/bin/caddy';

/** Ports, and files that a proxy reads. */
interface Place {
  readonly folder: string;
  /** Port of the proxy, and of the service behind it. */
  readonly front: number;
  readonly back: number;
  /** Port of the service for checks. */
  readonly health: number;
}

interface Proxy {
  readonly program: string;
  /** Returns the arguments that start it in the foreground, once the configuration is written. */
  readonly args: (folder: string) => string[];
  /** Text that tells its block from others. */
  readonly mark: string;
  /** Replaces the addresses of the guide by those of this machine. */
  readonly adapt: (configuration: string, place: Place) => string;
}

const proxies: Readonly<Record<string, Proxy>> = {
  nginx: {
    program: nginx,
    args: (folder) => ['-e', join(folder, 'error.log'), '-c', join(folder, 'configuration')],
    mark: 'proxy_pass',
    adapt: (configuration, { folder, front, back }) => {
      const server = replaced(configuration, {
        'listen 443 ssl': `listen 127.0.0.1:${front} ssl`,
        'server_name sign-in.example': 'server_name localhost',
        '/etc/ssl/sign-in.pem': join(folder, 'cert.pem'),
        '/etc/ssl/sign-in.key': join(folder, 'key.pem'),
        '127.0.0.1:8080': `127.0.0.1:${back}`,
      });
      const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${join(folder, name)};`,
      );
      return `daemon off; master_process off; pid ${join(folder, 'pid')}; events {} http { ${folders.join(' ')}\n${server} }`;
    },
  },
  HAProxy: {
    program: haproxy,
    args: (folder) => ['-db', '-f', join(folder, 'configuration')],
    mark: 'defaults',
    adapt: (configuration, { folder, front, back, health }) =>
      replaced(configuration, {
        // Its descriptors are bounded here.
        'maxconn 8000': 'maxconn 100',
        'bind :443': `bind 127.0.0.1:${front}`,
        '/etc/ssl/sign-in-with-key.pem': join(folder, 'both.pem'),
        'port 8081': `port ${health}`,
        '10.0.0.1:8080': `127.0.0.1:${back}`,
        // The other node is down.
        '10.0.0.2:8080': '127.0.0.1:1',
      }),
  },
  Caddy: {
    program: caddy,
    args: (folder) => ['run', '--adapter', 'caddyfile', '--config', join(folder, 'configuration')],
    mark: 'reverse_proxy',
    adapt: (configuration, { folder, front, back, health }) =>
      `{\n admin off\n auto_https off\n storage file_system ${folder}\n}\n${replaced(configuration, {
        'sign-in.example {': `https://localhost:${front} {\n bind 127.0.0.1\n tls ${join(folder, 'cert.pem')} ${join(folder, 'key.pem')}`,
        '127.0.0.1:8080': `127.0.0.1:${back}`,
        'health_port 8081': `health_port ${health}`,
      })}`,
  },
};

/** Replaces each text, which must occur once. */
function replaced(text: string, by: Readonly<Record<string, string>>): string {
  return Object.entries(by).reduce((left, [from, to]) => {
    assert.is(left.split(from).length, 2, `"${from}" is in the block once`);
    return left.replace(from, () => to);
  }, text);
}

/** Runs a service with a proxy before it, whose block of the guide may be changed. */
async function withProxy(
  { program, args, mark, adapt }: Proxy,
  body: (origin: string) => Promise<void>,
  change: (configuration: string) => string = (same) => same,
): Promise<void> {
  using folder = new Folder();
  const [front, back, health] = [await freePort(), await freePort(), await freePort()];
  const origin = `https://localhost:${front}`;
  const { cert, key } = certificate;
  folder.write('cert.pem', cert);
  folder.write('key.pem', key);
  folder.write('both.pem', `${cert}\n${key}\n`);
  const found = blocks.filter((block) => block.text.includes(mark));
  assert.is(found.length, 1, `blocks with ${mark}`);
  folder.write('configuration', adapt(change(found[0]!.text), { folder: folder.path, front, back, health }));
  await using service = Cli.start([
    ...['serve', '--json', '--port', String(back), '--public-url', origin, '--health-port', String(health)],
    ...['--token', token, '--settle', '10000'],
  ]);
  await service.sees(/"type":"ready"/);
  const proxy = spawn(program, args(folder.path), { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(proxy, 'close');
  const complaints = text(proxy.stderr);
  const ended = closed.then(async () => Promise.reject(new Error(`it ended: ${await complaints}`)));
  // It is also awaited after it was ended on purpose.
  ended.catch(() => undefined);
  try {
    await assert.deadline(Promise.race([answering(origin), ended]), 'the proxy');
    await body(origin);
  } finally {
    proxy.kill('SIGKILL');
    await closed;
  }
}

/** Resolves once the proxy answers, and knows that the service is there. */
async function answering(origin: string): Promise<void> {
  const status = (): Promise<number> =>
    fetch(origin).then(
      (answer) => answer.status,
      () => 503,
    );
  while ((await status()) === 503) await new Promise(setImmediate);
}

const connectThrough = (origin: string) =>
  connectCallbackHost(`${origin.replace('https', 'wss')}/bridge`, { token });

const test = suite('proxies of the guide');

for (const [name, proxy] of Object.entries(proxies)) {
  const testIf = test.when(existsSync(proxy.program), `no ${proxy.program} here`);

  testIf(
    `${name} passes redirects, pages that wait, the bridge and the operator page on`,
    () =>
      withProxy(proxy, async (origin) => {
        const host = await connectThrough(origin);
        const flow = await host.begin();
        assert.is(flow.redirectUri, `${origin}/callback`);
        const asked = fetch(`${flow.redirectUri}?code=a-code&state=${flow.state}`);
        assert.is((await firstValueFrom(flow.response)).code, 'a-code');
        flow.settle({ status: 'failure', message: 'The token endpoint is away.' });
        assert.match(await (await asked).text(), 'The token endpoint is away.');
        const ticket = await fetch(`${origin}/monitor/ticket`, {
          method: 'POST',
          headers: { Origin: origin, Authorization: `Bearer ${token}`, 'Next-Pass': 'a'.repeat(43) },
        });
        assert.is(ticket.status, 200);
        await host.close();
      }),
    { deadline: 300_000 },
  );
}

/** Requires that a page which waits is seen before its end: a proxy that buffers passes both on together. */
async function streams(origin: string): Promise<void> {
  const host = await connectThrough(origin);
  const flow = await host.begin();
  const { body } = await fetch(`${flow.redirectUri}?code=a-code&state=${flow.state}`);
  let page = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    page += chunk;
    if (!page.includes('Finishing sign-in')) continue;
    if (!page.includes('</html>')) flow.settle({ status: 'success' });
  }
  assert.match(page, 'Authentication successful', 'the beginning of the page is seen before its end');
  await host.close();
}

for (const [name, proxy] of Object.entries(proxies))
  test.when(existsSync(proxy.program), `no ${proxy.program} here`)(
    `${name} passes the beginning of a page that waits on at once`,
    () => withProxy(proxy, streams),
    { deadline: 300_000 },
  );

for (const [what, change] of Object.entries({
  'compresses too': { 'access_log off;': 'access_log off; gzip on;' },
  'asks by HTTP/1.0': { 'proxy_http_version 1.1;': 'proxy_http_version 1.0;' },
}))
  test.when(existsSync(nginx), `no ${nginx} here`)(
    `nginx that ${what} passes it on at once`,
    () => withProxy(proxies['nginx']!, streams, (configuration) => replaced(configuration, change)),
    { deadline: 300_000 },
  );

test.when(existsSync(nginx), `no ${nginx} here`)(
  'a proxy that buffers is noticed',
  () =>
    withProxy(
      proxies['nginx']!,
      (origin) => complains(() => streams(origin), /the beginning of the page is seen before its end/),
      (configuration) =>
        replaced(configuration, {
          'access_log off;': 'access_log off; proxy_ignore_headers X-Accel-Buffering;',
        }),
    ),
  { deadline: 300_000 },
);

const testNginx = test.when(existsSync(nginx), `no ${nginx} here`);

testNginx(
  'a proxy that sends another Host gets 421',
  () =>
    withProxy(
      proxies['nginx']!,
      async (origin) => assert.is((await fetch(`${origin}/callback?code=c&state=s`)).status, 421),
      (configuration) => replaced(configuration, { 'Host $http_host': 'Host other.example' }),
    ),
  { deadline: 300_000 },
);

testNginx(
  'a proxy that does not pass the upgrade on lets no program connect',
  () =>
    withProxy(
      proxies['nginx']!,
      async (origin) => {
        const status = await connectThrough(origin).then(
          () => 101,
          (error: unknown) => error instanceof ConnectionError && error.status,
        );
        // Without the upgrade it is a request for a page, and the callback server has none at this path.
        assert.is(status, 426);
      },
      (configuration) => replaced(configuration, { 'proxy_set_header Upgrade $http_upgrade;': '' }),
    ),
  { deadline: 300_000 },
);

test.run();
