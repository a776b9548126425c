/** Flows that wait, as those who watch see them. */
import { connectCallbackHost, type WaitingSignIn } from '../../../src/client.ts';
import type { Flow } from '../../../src/index.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { deadline, equal, is, ok } from '../../helpers/assert.ts';
import { withBridge, type Bridged } from '../../helpers/bridge.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';
import { complains } from '../../helpers/complains.ts';
import type { createBridge } from '../../../src/bridge.ts';

const test = suite('waiting flows in the feed');

const tokens = (['monitor', 'listener'] as const).map((role) => ({
  name: `the ${role}`,
  token: `token-of-a-${role}`,
  roles: [role],
}));

/** Lists of flows as they come. */
class Lists {
  #last: readonly WaitingSignIn[] | undefined;
  #look = (): void => undefined;

  readonly add = (list: readonly WaitingSignIn[]): void => {
    this.#last = list;
    this.#look();
  };

  /** Resolves with the first list that fits. */
  until(fits: (list: readonly WaitingSignIn[]) => boolean): Promise<readonly WaitingSignIn[]> {
    const found = new Promise<readonly WaitingSignIn[]>((resolve) => {
      this.#look = () => {
        if (this.#last && fits(this.#last)) resolve(this.#last);
      };
      this.#look();
    });
    return deadline(found, 'such a list');
  }
}

const described = ({ url, server }: Bridged): Promise<void> =>
  (async () => {
    await using host = await connectCallbackHost(url, { token: 'token-of-a-monitor' });
    await using agent = await connectCallbackHost(url, { token: 'token-of-a-listener' });
    const lists = new Lists();
    host.waiting.subscribe(lists.add);
    const told: unknown[] = [];
    agent.waiting.subscribe((list) => told.push(list));
    equal(await lists.until(() => true), []);
    const of = Date.now();
    const remote = await agent.begin({ label: 'Notes', issuer: 'https://as.example' });
    const local = await server.begin();
    const list = await lists.until(({ length }) => length === 2);
    const shown = list.map(({ begunAt = 0, expiresAt = 0, ...rest }) => {
      ok(begunAt >= of - 1_000 && expiresAt > begunAt, `begun at ${begunAt}, expires at ${expiresAt}`);
      return JSON.parse(JSON.stringify(rest)) as unknown;
    });
    equal(
      shown,
      [
        { flowId: remote.id, label: 'Notes', issuer: 'https://as.example', listener: 'the listener' },
        { flowId: local.id },
      ],
      'what waits',
    );
    remote.cancel();
    local.cancel();
    await lists.until(({ length }) => length === 0);
    equal(told, [], 'what a listener is told');
  })();

test('have a label or issuer, and the name of the credential that waits for them', () =>
  withBridge(described, { tokens }));

for (const [weakness, change, complaint] of [
  [
    'does not tell whose token waits',
    edit('waiting.listenerName = name;', '', 'store/stored-flows.ts'),
    /what waits/,
  ],
  [
    'hides what a flow is for',
    edit('label: description?.label, issuer: this.#issuer,', '', 'store/waiting-flow.ts'),
    /what waits/,
  ],
] as const)
  test(`rejects a bridge that ${weakness}`, async () => {
    const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: typeof createBridge };
    await complains(() => withBridge(described, { tokens }, {}, twin.createBridge), complaint);
  });

test('are the oldest hundred, and go when they end at another node', async () => {
  const setup = { store: memoryStore(), tokens };
  await withBridge(
    (here) =>
      withBridge(async (there) => {
        await using host = await connectCallbackHost(here.url, { token: 'token-of-a-monitor' });
        await using agent = await connectCallbackHost(here.url, { token: 'token-of-a-listener' });
        const lists = new Lists();
        host.waiting.subscribe(lists.add);
        const first = await agent.begin();
        first.response.subscribe();
        const flows: Flow[] = [];
        for (let n = 0; n < 100; n++) flows.push(await here.server.begin());
        const hundred = await lists.until((list) => list.length === 100 && list[0]?.flowId === first.id);
        ok(!hundred.some(({ flowId }) => flowId === flows[99]?.id));
        is((await there.visit(`/callback?code=c&state=${first.state}`)).status, 200);
        const rest = await lists.until((list) => list.length === 100 && list[0]?.flowId !== first.id);
        equal(
          rest.map(({ flowId }) => flowId),
          flows.map(({ id }) => id),
        );
      }, setup),
    setup,
  );
});

test.run();
