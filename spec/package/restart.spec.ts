/** The program of the guide outlives a restart of the service that it waits at. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { memoryStore } from '../../src/store/memory.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge, type Bridged } from '../helpers/bridge.ts';
import { Consumer } from '../helpers/consumer.ts';
import { allDocuments } from '../helpers/documents.ts';
import { suite } from '../helpers/suite.ts';
import { TcpProxy } from '../helpers/tcp-proxy.ts';

const guide = allDocuments().find(({ path }) => path === 'docs/guides/remote-listeners.md');
const [example, ...others] = (guide?.blocks ?? []).filter(
  ({ text }) =>
    text.includes("'wss://sign-in.example/bridge', { token }") && text.includes('await firstValueFrom('),
);

async function attempted(proxy: TcpProxy, times: number): Promise<void> {
  while (proxy.counts.opened < times) await new Promise(setImmediate);
}

const test = suite('a restart of the service');

test('the program of the guide waits on while its service is gone, and gets its response from the next', async () => {
  assert.ok(example && others.length === 0, 'the guide has one such program');
  using project = Consumer.ofBuild();
  const proxy = await TcpProxy.open(undefined, { waits: true });
  const store = memoryStore();
  const service = <T>(body: (bridged: Bridged) => Promise<T>): Promise<T> =>
    withBridge(
      (bridged) => {
        proxy.target = bridged.port;
        return body(bridged);
      },
      { store },
      { publicUrl: `http://127.0.0.1:${proxy.port}` },
    );
  const program = example.text.replace(
    "'wss://sign-in.example/bridge'",
    `'ws://127.0.0.1:${proxy.port}/bridge'`,
  );
  project.write('program.js', program);
  const child = project.start('program.js', { CI_TOKEN: token });
  child.stderr.pipe(process.stderr);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const line = await assert.deadline(lines.next(), 'a line of the program');
    return String(line.value);
  };
  try {
    const state = await service(async ({ bridge }) => {
      const [, url = ''] = /^Open (\S+)$/.exec(await nextLine()) ?? [];
      proxy.target = undefined;
      await bridge.close({ restart: true });
      return new URL(url).searchParams.get('state') ?? '';
    });
    // The program is alone now, and asks again.
    await assert.deadline(attempted(proxy, 2), 'another attempt');
    await service(async ({ visit }) => {
      const { status } = await visit(`/callback?code=c&state=${state}`, { Host: `127.0.0.1:${proxy.port}` });
      assert.is(status, 200);
      assert.is(await nextLine(), 'Exchange a code of 1 characters here, with flow.codeVerifier');
      assert.equal(await assert.deadline(ended, 'the end of the program'), [0, null]);
    });
  } finally {
    child.kill('SIGKILL');
    await proxy.close();
  }
});

test.run();
