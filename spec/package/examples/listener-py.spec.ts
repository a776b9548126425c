import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge, type Bridged } from '../../helpers/bridge.ts';
import { suite, type TestBody } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';

// Debian's own Python, for which the distribution packages `websockets`.
const python = '/usr/bin/python3';
const available = spawnSync(python, ['-c', 'import websockets']).status === 0;
const program = join(import.meta.dirname, '../../../examples/listener.py');

interface Begun {
  flowId: string;
  state: string;
  redirectUri: string;
}

/** The program while it runs. */
class Listener implements AsyncDisposable {
  readonly #child;
  readonly #lines;
  readonly #stderr: Promise<string>;
  readonly #closed: Promise<unknown>;

  constructor(url: string, args: readonly string[] = [], bearer = token) {
    this.#child = spawn(python, [program, ...args], {
      env: { BRIDGE_URL: url, BRIDGE_TOKEN: bearer },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    this.#stderr = text(this.#child.stderr);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** The next line it writes. */
  async line(): Promise<unknown> {
    const next = await assert.deadline(this.#lines.next(), 'a line of listener.py');
    if (next.done === true) throw new Error(`listener.py ended: ${await this.#stderr}`);
    return JSON.parse(next.value) as unknown;
  }

  /** How it ended: its exit code and what it wrote to stderr. */
  async ended(): Promise<[code: number | null, stderr: string]> {
    await this.#closed;
    return [this.#child.exitCode, await this.#stderr];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** A listener behind a network that the body can break. */
async function withListener(
  body: (listener: Listener, bridged: Bridged, network: TcpProxy) => Promise<void>,
  ...args: readonly string[]
): Promise<void> {
  const network = await TcpProxy.open(undefined, { records: true });
  try {
    const publicUrl = `http://127.0.0.1:${network.port}`;
    await withBridge(
      async (bridged) => {
        network.target = bridged.port;
        await using listener = new Listener(`ws://127.0.0.1:${network.port}/bridge`, args);
        await body(listener, bridged, network);
      },
      {},
      { publicUrl },
    );
  } finally {
    await network.close();
  }
}

/** The person comes back; the status of the page. */
async function comeBack({ send }: Bridged, { redirectUri, state }: Begun): Promise<number> {
  const { host, pathname } = new URL(redirectUri);
  const target = `${pathname}?code=CANARY&state=${state}`;
  return (await send({ target, headers: { Host: host } })).status;
}

const said = (network: TcpProxy): unknown[] =>
  network.said
    .filter((message) => message.startsWith('{'))
    .map((message) => (JSON.parse(message) as { type: string }).type);

const test = suite('listener.py');

const runs = (name: string, body: TestBody): void =>
  test.when(available, 'no python3-websockets here: apt-get install python3-websockets')(name, body);

runs('tells what an authorization URL needs, then the result without its code', () =>
  withListener(async (listener, bridged, network) => {
    const begun = (await listener.line()) as Begun;
    assert.is(begun.redirectUri, bridged.server.redirectUri);
    assert.is(await comeBack(bridged, begun), 200);
    const { state } = begun;
    assert.equal(await listener.line(), { type: 'response', response: { code: '(redacted)', state } });
    assert.equal(await listener.ended(), [0, '']);
    assert.equal(said(network), ['begin', 'ack']);
    assert.ok(network.heard.some((message) => message.includes('"acknowledged"')));
  }),
);

runs('shows the code where it is asked to', () =>
  withListener(async (listener, bridged) => {
    const begun = (await listener.line()) as Begun;
    assert.is(await comeBack(bridged, begun), 200);
    const { state } = begun;
    assert.equal(await listener.line(), { type: 'response', response: { code: 'CANARY', state } });
    assert.equal(await listener.ended(), [0, '']);
  }, '--show-code'),
);

runs('resumes its flow after the connection was reset, and gets the result that came meanwhile', () =>
  withListener(async (listener, bridged, network) => {
    const begun = (await listener.line()) as Begun;
    network.cutAll();
    assert.is(await comeBack(bridged, begun), 200);
    const { type } = (await listener.line()) as { type: string };
    assert.is(type, 'response');
    assert.equal(await listener.ended(), [0, '']);
    assert.equal(said(network), ['begin', 'resume', 'ack']);
    assert.is(network.counts.opened, 2);
  }),
);

runs('comes back after a restart of the bridge', () =>
  withListener(async (listener, bridged, network) => {
    const begun = (await listener.line()) as Begun;
    await bridged.bridge.close({ restart: true });
    await bridged.bridge.listen();
    assert.is(await comeBack(bridged, begun), 200);
    await listener.line();
    assert.equal(await listener.ended(), [0, '']);
    assert.equal(said(network), ['begin', 'resume', 'ack']);
  }),
);

runs('begins again after the service could not reach its store', () => {
  const store = memoryStore();
  let asked = 0;
  const failing = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        name === 'begin' && ++asked === 1
          ? Promise.reject(new StoreUnavailableError('the store cannot be reached'))
          : Reflect.apply(member, target, args);
    },
  });
  return withBridge(
    async (bridged) => {
      await using listener = new Listener(bridged.url);
      const begun = (await listener.line()) as Begun;
      assert.is(asked, 2);
      assert.is(await comeBack(bridged, begun), 200);
      await listener.line();
      assert.equal(await listener.ended(), [0, '']);
    },
    { store: failing },
  );
});

runs('gives up where the service does not know its token', () =>
  withBridge(async ({ url }) => {
    await using listener = new Listener(url, [], 'a-token-of-somebody-else');
    const [code, stderr] = await listener.ended();
    assert.is(code, 1);
    assert.match(stderr, /^listener: .*401.*\n$/);
  }),
);

test.run();
