/** Flows of a stored host that another process takes up. */
import { join } from 'node:path';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import type { ServerOptions } from '../../../src/index.ts';
import { createStoredHost, sqliteStore, type SqliteFlowStore, type StoredHost } from '../../../src/sqlite.ts';
import * as assert from '../../helpers/assert.ts';
import { Folder } from '../../helpers/cli.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { withRedis } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const time = virtualTime();
const publicUrl = 'https://sign-in.example';

interface Life extends Endpoint {
  readonly host: StoredHost;
  readonly store: SqliteFlowStore;
}

type Module = Pick<typeof import('../../../src/sqlite.ts'), 'createStoredHost' | 'sqliteStore'>;

/** Runs one process after the other with the same file. Each ends as at a SIGKILL: it tells the store nothing. */
async function lives(
  options: ServerOptions,
  bodies: readonly ((life: Life) => Promise<void>)[],
  module: Module = { createStoredHost, sqliteStore },
): Promise<void> {
  using folder = new Folder();
  const { scheduler } = time;
  for (const body of bodies) {
    const store = await module.sqliteStore({ file: join(folder.path, 'flows.db'), scheduler });
    const logger = { warn: () => undefined };
    await withServer({ scheduler, logger, closeTimeout: 0, ...options }, async (endpoint) => {
      const host = module.createStoredHost(endpoint.server, store);
      try {
        await body({ ...endpoint, host, store });
      } finally {
        await store.close();
      }
    });
  }
}

const all = suite('flows that another process takes up');
const test = all;

test('L-15 wait on, with the same state, verifier and redirect URI', async () => {
  let saved = '';
  let before: unknown;
  await lives({ publicUrl, binding: 'none' }, [
    async ({ host }) => {
      const flow = await host.begin({ label: 'GitHub' });
      const { id, state, redirectUri, codeVerifier, expiresAt, binding } = flow;
      before = { id, state, redirectUri, codeVerifier, expiresAt, binding };
      saved = flow.toResumable();
    },
    async ({ host, visit }) => {
      const flow = await host.resume(saved);
      const { id, state, redirectUri, codeVerifier, expiresAt, binding } = flow;
      assert.equal({ id, state, redirectUri, codeVerifier, expiresAt, binding }, before);
      assert.is(flow.toResumable(), saved);
      const codes = lastValueFrom(flow.response.pipe(toArray()));
      assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
      assert.equal(
        (await codes).map(({ code }) => code),
        ['c'],
      );
    },
  ]);
});

test('L-15 get a response that came while their program was not there', async () => {
  let saved = '';
  let state = '';
  await lives({}, [
    async ({ host }) => {
      const flow = await host.begin();
      ({ state } = flow);
      saved = flow.toResumable();
    },
    async ({ visit }) => {
      assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
    },
    async ({ host, store }) => {
      const flow = await host.resume(saved);
      assert.is((await firstValueFrom(flow.response)).code, 'c');
      // Acknowledged after that, in its own step.
      while (await store.read(state)) await new Promise(setImmediate);
      const again = await assert.rejects(host.resume(saved), 'closed');
      assert.is(again.message, 'the store does not know this flow');
    },
  ]);
});

test('keep their start URL and the code that a person types in', async () => {
  const saved: string[] = [];
  let startUrl = '';
  const target = 'https://as.example/authorize';
  await lives({ publicUrl }, [
    async ({ host }) => {
      const [byCookie, byCode] = [await host.begin(), await host.begin({ binding: 'code' })];
      startUrl = byCookie.authorizationUrl(target).href;
      saved.push(byCookie.toResumable(), byCode.toResumable());
    },
    async ({ host, visit }) => {
      const [byCookie, byCode] = [await host.resume(saved[0]!), await host.resume(saved[1]!)];
      assert.is(byCookie.authorizationUrl(target).href, startUrl);
      assert.equal([byCookie.binding, byCode.binding], ['cookie', 'code']);
      const { body } = await visit(`/callback?code=c&state=${byCode.state}`);
      const [shown = ''] = /\b[A-Z]{4}-[A-Z]{4}\b/.exec(body) ?? [];
      await byCode.confirm(shown);
      assert.is((await firstValueFrom(byCode.response)).code, 'c');
    },
  ]);
});

test('stay in the store if the host is closed for a restart, and end otherwise', async () => {
  const saved: string[] = [];
  const close =
    (options?: { restart: boolean }) =>
    async ({ host }: Life): Promise<void> => {
      const flow = await host.begin();
      saved.push(flow.toResumable());
      const left = assert.rejects(firstValueFrom(flow.response), 'closed');
      await host.close(options);
      await left;
    };
  await lives({}, [
    close({ restart: true }),
    close(),
    async ({ host }) => {
      await host.resume(saved[0]!);
      await assert.rejects(host.resume(saved[1]!), 'closed');
    },
  ]);
});

test('are one flow, however often they are taken up at once', async () => {
  let saved = '';
  await lives({}, [
    async ({ host }) => void (saved = (await host.begin()).toResumable()),
    async ({ host }) => {
      const [one, two] = await Promise.all([host.resume(saved), host.resume(saved)]);
      assert.ok(one === two);
    },
  ]);
});

/** Texts that are not of this flow. */
async function refusesOthers(module?: Module): Promise<void> {
  let saved = '';
  await lives(
    {},
    [
      async ({ host }) => void (saved = (await host.begin({ ttl: 60_000 })).toResumable()),
      async ({ host }) => {
        const flow = JSON.parse(saved) as { key: string };
        const other = JSON.stringify({ ...flow, key: 'A'.repeat(43) });
        await assert.rejects(host.resume(other), 'closed');
        for (const text of ['', '{}', saved.slice(1), undefined as unknown as string]) {
          const { message } = await assert.rejects(host.resume(text), 'invalid_option');
          assert.is(message, 'saved must be a text from toResumable() of a flow');
        }
        time.advance(60_000);
        const late = await host.resume(saved);
        await assert.rejects(firstValueFrom(late.response), 'expired');
        time.advance(60_000);
        await assert.rejects(host.resume(saved), 'expired');
        await host.close();
        await assert.rejects(host.resume(saved), 'closed');
      },
    ],
    module,
  );
}

test('are refused to who has another key, after their time, and to a host that is closed', () =>
  refusesOthers());

test('rejects a host that asks for no key', async () => {
  const twin = await weakenedModule(
    'sqlite.ts',
    edit(`!flow || !sameKey(flow.key, key)`, `!flow`, 'store/stored-flows.ts'),
  );
  await complains(() => refusesOthers(twin as Module), /Expected promise to reject/);
});

test.when(hasRedis, noRedis)('end at the process that had them before', () =>
  withRedis(async ({ open }) => {
    const [mine, other] = [await open(), await open()];
    await withServer({}, ({ server: before }) =>
      withServer({}, async ({ server, visit }) => {
        const flow = await createStoredHost(before, mine).begin();
        const left = assert.rejects(firstValueFrom(flow.response), 'taken_over');
        const taken = await createStoredHost(server, other).resume(flow.toResumable());
        await left;
        flow.cancel();
        assert.is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
        assert.is((await firstValueFrom(taken.response)).code, 'c');
      }),
    );
  }),
);

all.run();
