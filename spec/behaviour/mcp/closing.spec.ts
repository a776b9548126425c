import {
  createOAuthCallbackServer,
  FlowCancelledError,
  PortInUseError,
  type CallbackHost,
} from '../../../src/index.ts';
import { memoryStore, type McpStore } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { gate, withMcp, type Mcp } from '../../helpers/mcp/with-mcp.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: closing');
const rule = ruleOf(test);

/** Closes while a request waits. Resolves with what the request is rejected with. */
async function closedDuring(mcp: Mcp, request: Promise<unknown>): Promise<Error> {
  const rejected = assert.rejects(request);
  await assert.deadline(mcp.auth.close(), 'close()', 5_000);
  return rejected;
}

/** Closes while a request waits for something that `release` would give it. */
async function closedWithout(mcp: Mcp, request: Promise<unknown>, release: () => void): Promise<void> {
  try {
    assert.instance(await closedDuring(mcp, request), FlowCancelledError);
  } finally {
    release();
  }
}

for (const moment of ['challenged', 'discovered', 'queued', 'client', 'authorize', 'received'] as const)
  test(`rule 9: close() when the sign-in is at "${moment}" cancels what waits, and completes the streams`, () =>
    withMcp({}, async (mcp) => {
      const [events, status] = [record(mcp.auth.events), record(mcp.auth.status(mcp.server.url))];
      const reached = gate();
      mcp.auth.events.subscribe(({ type }) => {
        if (type === moment) reached.open();
      });
      const request = mcp.call();
      await reached.opened;
      assert.instance(await closedDuring(mcp, request), FlowCancelledError);
      assert.equal([events.ending, status.ending], [{ completed: true }, { completed: true }]);
      await assert.rejects(mcp.call(), FlowCancelledError);
    }));

test('rule 9: close() while sign-ins are queued cancels them all', () => {
  const opened = gate();
  const before = (): Promise<unknown> => {
    opened.open();
    return new Promise(() => undefined);
  };
  return withMcp({ world: { servers: 4 }, person: { before } }, async (mcp) => {
    const requests = mcp.world.servers.map((server) => assert.rejects(mcp.call({ server })));
    await opened.opened;
    await assert.deadline(mcp.auth.close(), 'close()', 5_000);
    for (const error of await Promise.all(requests)) assert.instance(error, FlowCancelledError);
    assert.is(mcp.seen.tabs, 1);
  });
});

rule(
  'rule 9: close() does not wait for a lock that another process has',
  (create) => {
    const [waits, released] = [gate(), gate()];
    const lock: McpStore['lock'] = (_key, work, signal) =>
      new Promise((resolve, reject) => {
        waits.open();
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        void released.opened.then(work).then(resolve, reject);
      });
    return withMcp({ create, auth: { store: { ...memoryStore(), lock } } }, async (mcp) => {
      const request = mcp.call();
      await waits.opened;
      await closedWithout(mcp, request, released.open);
    });
  },
  [
    twin(
      'waits for it',
      edit('await store.lock(key, held, signal);', 'await store.lock(key, held);'),
      /close\(\): not settled/,
    ),
  ],
);

rule(
  'rule 9: close() does not wait for a host that does not come',
  async (create) => {
    await using server = createOAuthCallbackServer();
    const [asked, released] = [gate(), gate()];
    const host = async (): Promise<CallbackHost> => {
      asked.open();
      await released.opened;
      return server;
    };
    await withMcp({ create, auth: { host } }, async (mcp) => {
      const request = mcp.call();
      await asked.opened;
      await closedWithout(mcp, request, released.open);
    });
  },
  [
    twin(
      'waits for it',
      edit('const host = await unlessAborted(this.#host(), signal);', 'const host = await this.#host();'),
      /close\(\): not settled/,
    ),
  ],
);

test('a host whose port is in use fails the request, and is asked to listen again by the next', () =>
  withMcp({}, async (mcp) => {
    const other = await listenOnLoopback();
    const { port } = other;
    const host = createOAuthCallbackServer({ port });
    try {
      const auth = mcp.start({ host });
      await assert.rejects(mcp.call({ auth }), PortInUseError);
      await other[Symbol.asyncDispose]();
      assert.is((await mcp.call({ auth })).status, 200);
      await auth.close();
      assert.is(host.address.port, port, 'the host is not closed: it was given');
    } finally {
      await host.close();
    }
  }));

test('close() may be called twice, and before anything else', () =>
  withMcp({}, async (mcp) => {
    await Promise.all([mcp.auth.close(), mcp.auth.close()]);
    await mcp.auth.close();
    assert.equal(mcp.types, []);
  }));

test.run();
