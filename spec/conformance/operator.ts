import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Io } from '../../src/cli/io.ts';
import type { Log } from '../../src/cli/log.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import * as assert from '../helpers/assert.ts';
import { type Bridged, type Peer, token, withBridge, withPeers } from '../helpers/bridge.ts';
import { Folder } from '../helpers/cli.ts';
import { virtualTime } from '../helpers/clock.ts';
import { observe, withServer } from '../helpers/endpoint.ts';
import { begun } from '../helpers/redis.ts';
import { newPass, passOf, ticketOf, withMonitor } from '../behaviour/monitor/monitored.ts';
import { newState } from '../helpers/server.ts';
import { edit } from '../helpers/weakened.ts';
import { Operations } from '../../src/cli/serve/operator.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';
import { fresh, ofStores } from './stores.ts';

const mounting = exportsOf<typeof import('../../src/telemetry/mount.ts')>('telemetry/mount.ts');

const monitorModule = exportsOf<typeof import('../../src/monitor/server.ts')>('monitor/server.ts');

const reloading = exportsOf<typeof import('../../src/cli/serve/reload.ts')>('cli/serve/reload.ts');

const bridgeModule = exportsOf<typeof import('../../src/bridge/server.ts')>('bridge/server.ts');

const tokensByRole = (['monitor', 'listener'] as const).map((role) => ({
  name: role,
  token: `${token}-${role}`,
  roles: [role],
}));

/** A connection still lives. */
async function stays({ socket }: Peer, after: string): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const [pong, close] = [once(socket, 'message', { signal }), once(socket, 'close', { signal })];
  try {
    socket.send('{"type":"ping"}');
    const answer = await Promise.race([pong.then(() => 'open'), close.then(() => 'closed')]);
    assert.is(socket.readyState === socket.CLOSED ? 'closed' : answer, 'open', after);
  } finally {
    waiting.abort();
    await Promise.allSettled([pong, close]);
  }
}

export const requirements = requirementsOn(
  "The operator's side",
  requirement(
    'I-04',
    {
      demand: 'Show health and metrics to an operator only, or on another port.',
      source: 'OWASP Multi-Tenant section 8',
      scope: 'service',
      note: 'the core has no such endpoint; those of serve are also tested by spec/unit/telemetry/operator.spec.ts',
    },
    check(server, 'has no health or metrics page on the public port', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, visit, redirects, events } = endpoint;
          const flow = await server.begin();
          const outcome = observe(flow);
          const before = events.length;
          const elsewhere = await visit('/elsewhere');
          for (const path of [
            'healthz',
            'metrics',
            'health',
            'ready',
            'status',
            'monitor',
            'events',
            'debug/pprof',
          ])
            for (const query of ['', `?state=${flow.state}`]) {
              const answer = await visit(`/${path}${query}`);
              assert.is(answer.status, 404);
              assert.is(answer.body, elsewhere.body);
            }
          assert.equal([redirects.length, events.length], [0, before]);
          assert.is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
          assert.is(outcome.responses[0]?.code, 'c');
        },
        create,
      ),
    ),
    check(
      mounting,
      "on the server's port metrics and health answer a monitor, and to others are not there",
      ({ mountOperator }) =>
        withBridge(
          async ({ server, bridge, send: ask }) => {
            const undo = mountOperator(server, bridge, {
              metrics: () => Promise.reject(new Error('a secret')),
              unready: () => 'draining',
            });
            const as = (name: string): Promise<number> =>
              ask({ target: '/readyz', headers: { Authorization: `Bearer ${token}-${name}` } }).then(
                ({ status }) => status,
              );
            const elsewhere = await ask({ target: '/nothing' });
            for (const target of ['/metrics', '/healthz', '/readyz']) {
              const { status, body } = await ask({ target });
              assert.equal([status, body], [404, elsewhere.body], `${target} for a stranger`);
            }
            assert.equal([await as('monitor'), await as('listener'), await as('nobody')], [503, 404, 404]);
            bridge.revoke('monitor');
            assert.is(await as('monitor'), 404);
            bridge.setTokens([{ name: 'other', token: `${token}-other`, roles: ['monitor'] }]);
            assert.is(await as('other'), 503);
            undo();
            assert.is(await as('other'), 404);
          },
          { tokens: tokensByRole },
        ),
      [
        twin(
          'shows metrics to everybody',
          edit(`identity?.roles.includes('monitor')`, `bridge`),
          /\/metrics for a stranger/,
        ),
        twin(
          'takes any role for a monitor’s',
          edit(`identity?.roles.includes('monitor')`, `identity`),
          /Actual:\s*--··503/,
        ),
      ],
    ),
  ),

  requirement(
    'P-10',
    {
      demand:
        'Give tickets for the feed only to pages of the server itself, with a one-time link or a token of a monitor.',
      source: 'docs/guides/operator-page.md; SECURITY.md',
    },
    check(
      monitorModule,
      'the monitor page gets a ticket with a link, once, or a monitor’s token, and with nothing else',
      ({ createMonitor }) =>
        withMonitor(
          async ({ ask, monitor }) => {
            const answers = async (credential: string): Promise<number> => (await ask(credential)).status;
            for (const [what, credential] of [
              ['nothing', ''],
              ['a token of nobody', `${token}-nobody`],
              ['a token without the role', `${token}-listener`],
            ] as const)
              assert.is(await answers(credential), 401, `with ${what}`);
            const pass = passOf(monitor.url());
            assert.equal([await answers(pass), await answers(pass)], [200, 401], 'a link, opened twice');
            assert.is(await answers(`${token}-monitor`), 200);
          },
          { bridge: { tokens: tokensByRole }, create: createMonitor },
        ),
      [
        twin(
          'gives tickets without a credential',
          edit(
            `if ('status' in identity) return isOfAuthenticate(identity) ? identity : 'unknown';`,
            `if ('status' in identity) return this.#sessions.begin({ name: 'anybody', roles: ['monitor'] }, next);`,
          ),
          /with nothing[^]*200/,
        ),
        twin(
          'gives tickets to listeners',
          edit(`return identity.roles.includes('monitor') ?`, `return identity ?`),
          /with a token without the role[^]*200/,
        ),
        twin(
          'opens a link as often as it is shown',
          edit(`if (successor !== undefined && successor !== next) return 'copied';`, ``),
          /a link, opened twice/,
        ),
      ],
    ),
    check(
      monitorModule,
      'a link that is shown again ends its page session, however often the page has connected since',
      ({ createMonitor }) =>
        withMonitor(
          async ({ ask, monitor }) => {
            const link = passOf(monitor.url());
            let pass = newPass();
            assert.is((await ask(link, pass)).status, 200);
            for (let shown = 0; shown < 120; shown++) {
              const next = newPass();
              assert.is((await ask(pass, next)).status, 200);
              pass = next;
            }
            assert.is((await ask(link)).status, 401);
            assert.is((await ask(pass)).status, 401, 'the page session lives on');
          },
          { create: createMonitor },
        ),
      [
        twin(
          'forgets the link before other passes',
          [edit(`filter((_, index) => index !== 1)`, `filter((_, index) => index !== 0)`)],
          /the page session lives on/,
        ),
      ],
    ),
    check(
      monitorModule,
      'links and page sessions that are in use stay when there are too many',
      ({ createMonitor }) =>
        withMonitor(
          async ({ ask, monitor }) => {
            const first = passOf(monitor.url());
            let refused = 0;
            for (let more = 0; more < 1_000; more++)
              try {
                monitor.url();
              } catch {
                refused++;
              }
            assert.is(refused, 1, 'links that were refused');
            assert.is((await ask(first)).status, 200);
          },
          { create: createMonitor },
        ),
      [
        twin(
          'has no bound',
          edit(
            `others.length < (by === undefined`,
            `others.length >= 0 || others.length < (by === undefined`,
          ),
          /links that were refused/,
        ),
      ],
    ),
    check(
      monitorModule,
      'only pages of the server itself get tickets',
      ({ createMonitor }) =>
        withMonitor(
          async ({ ask, monitor }) => {
            const [pass, next] = [passOf(monitor.url()), newPass()];
            for (const headers of [
              { Origin: null },
              { Origin: 'null' },
              { Origin: 'https://evil.example' },
              { 'Sec-Fetch-Site': 'same-site' },
            ])
              assert.is((await ask(pass, next, headers)).status, 403, `with ${JSON.stringify(headers)}`);
            assert.is((await ask(pass, next)).status, 200);
          },
          { create: createMonitor },
        ),
      [
        twin(
          'gives tickets to pages of any origin',
          edit(` || !this.#server.isOwnOrigin(origin)`, ``),
          /with {"Origin":"null"}/,
        ),
        twin(
          'gives tickets to who has no origin',
          edit(
            `origin === undefined || !this.#server.isOwnOrigin(origin) ||`,
            `(origin !== undefined && !this.#server.isOwnOrigin(origin)) ||`,
          ),
          /with {"Origin":null}/,
        ),
        twin(
          'gives tickets to a page next door',
          edit(` || site !== 'same-origin'`, ``),
          /with {"Sec-Fetch-Site":"same-site"}/,
        ),
      ],
    ),
  ),

  requirement(
    'P-11',
    {
      demand: 'Close a page session when the token it began with is revoked.',
      source: 'SECURITY.md',
    },
    check(
      monitorModule,
      'a page that a person has opened with a token watches no longer than that holds',
      ({ createMonitor }) =>
        withMonitor(
          ({ ask, bridge, url, origin }) =>
            withPeers(url, async (open) => {
              const next = newPass();
              const peer = open({ ticket: ticketOf(await ask(token, next)), origin });
              await peer.welcome();
              bridge.setTokens([{ name: 'other', token: `${token}-other`, roles: ['monitor'] }]);
              assert.is((await ask(next)).status, 401, 'a pass, once its token is gone');
              assert.is(await peer.closed(), 4401);
            }),
          { create: createMonitor },
        ),
      [
        twin(
          'lets a visit outlive the token that it began with',
          edit(
            `return parent && this.#bridge.derive(parent, change);`,
            `return { name: by.name, ...change };`,
          ),
          /a pass, once its token is gone[^]*200/,
        ),
      ],
    ),
  ),

  requirement(
    'P-12',
    {
      demand:
        'Reload tokens on SIGHUP, close the connections of removed tokens, and change nothing if a file is invalid.',
      source: 'docs/guides/deploying.md',
    },
    check(
      reloading,
      'SIGHUP closes the connections of tokens that are gone and no other; where it cannot, none',
      async ({ reload }) => {
        using folder = new Folder();
        const named = (name: string) => ({
          name,
          token: `the-token-of-${name}`,
          roles: ['listener' as const],
        });
        const tokens = [named('first'), named('second')];
        const file = folder.write('tokens.json', tokens);
        const complaints: string[] = [];
        const log = {
          info: () => undefined,
          error: (problem: string | Error) => complaints.push(String(problem)),
        } as Partial<Log> as Log;
        const io = { env: {} } as Io;
        const body = ({ server, bridge, url }: Bridged): Promise<void> =>
          withPeers(url, async (open) => {
            const connect = async (name: string): Promise<Peer> => {
              const peer = open({ bearer: `the-token-of-${name}` });
              await peer.welcome();
              return peer;
            };
            const [first, second] = [await connect('first'), await connect('second')];
            const hangUp = async (content: string): Promise<void> => {
              writeFileSync(file, content);
              const access = { tokens, made: undefined };
              await reload({
                flags: { tokens: [file] },
                io,
                access,
                server,
                bridge,
                operations: new Operations(server, bridge, undefined),
                log,
              });
            };
            for (const content of ['not JSON', '[]', '[{}]', '{}']) {
              await hangUp(content);
              for (const peer of [first, second]) await stays(peer, `after a file with ${content}`);
              await connect('first');
            }
            assert.is(complaints.length, 4, complaints.join('\n'));
            await hangUp(JSON.stringify([named('second'), named('third')]));
            await stays(second, 'with a token that is kept');
            assert.is(await first.closed(), 4401);
            await connect('third');
          });
        await withBridge(body, { tokens });
      },
      [
        twin(
          'closes all connections at SIGHUP',
          edit(`bridge.setTokens(tokens);`, `bridge.setTokens([]);\n  bridge.setTokens(tokens);`),
          /with a token that is kept[^]*closed/,
        ),
        twin(
          'keeps no tokens where the file is bad',
          edit(
            `log.error(error instanceof`,
            `running.bridge.setTokens([]);\n      log.error(error instanceof`,
          ),
          /after a file with not JSON[^]*closed/,
        ),
        twin(
          'locks everybody out with a list that is empty',
          [
            edit(`if (tokens !== undefined) {`, `if (tokens === null) {`),
            edit(`if (own !== made && own !== undefined)`, `if (own === '')`),
          ],
          /after a file with \[\][^]*closed/,
        ),
      ],
    ),
  ),

  requirement(
    'P-13',
    {
      demand:
        'Tell monitors how many flows wait at their node, and report a flow that the store has lost once.',
      source: 'docs/guides/remote-listeners.md; PROTOCOL.md',
    },
    check(
      bridgeModule,
      'a monitor is told how many flows wait at its node, wherever they end, and once',
      async ({ createBridge }) => {
        const { scheduler, advance } = virtualTime();
        const shared = [{ store: memoryStore() }, { scheduler }, createBridge] as const;
        const body = (here: Bridged, there: Bridged): Promise<void> =>
          withPeers(here.url, async (open) => {
            const [monitor, listener, state] = [open(), open(), newState()];
            await Promise.all([monitor.welcome(), listener.welcome()]);
            monitor.say({ type: 'watch' });
            assert.is((await monitor.next('pending')).pending, 0);
            const told = async (): Promise<number[]> => {
              for (let seconds = 0; seconds < 3; seconds++) advance(1_000);
              await monitor.heardAll();
              const heard = monitor.heard.splice(0);
              return heard.flatMap((message) => (message.type === 'pending' ? [message.pending] : []));
            };
            await listener.begin(state);
            assert.equal(await told(), [1], 'of a flow that began here');
            await there.visit(`/callback?code=c&state=${state}`);
            await listener.next('result');
            assert.equal(await told(), [0], 'of one that ended elsewhere');
          });
        await withBridge((here) => withBridge((there) => body(here, there), ...shared), ...shared);
      },
      [
        twin(
          'adds up what waits from the events of its node',
          edit(
            `pending: pending() },`,
            `pending: (this.counts['begun'] ?? 0) - (this.counts['answered'] ?? 0) },`,
          ),
          /of one that ended elsewhere/,
        ),
        twin(
          'says every second what has not changed',
          edit(`if (!sent[index]?.equals(status)) reader`, `reader`),
          /of a flow that began here/,
        ),
      ],
    ),
    check(
      bridgeModule,
      'a flow that its store has lost is told of, by that name, and waits no more',
      ({ createBridge }) => {
        const kept = memoryStore();
        const take = kept.take.bind(kept);
        let lost = false;
        const store = Object.assign(kept, {
          take: ((state) => (lost ? Promise.resolve('gone') : take(state))) satisfies typeof take,
        });
        const body = ({ server, url, events }: Bridged): Promise<void> =>
          withPeers(url, async (open) => {
            const metrics = createMetrics(server, { process: false });
            const [listener, state] = [open(), newState()];
            await listener.welcome();
            const flow = await listener.begin(state);
            lost = true;
            // Which wakes whoever waits for it.
            await store.cancel(state);
            assert.equal(await listener.next('lost'), { type: 'lost', flowId: flow, reason: 'unknown_flow' });
            const told = events.flatMap((event) => (event.type === 'cancelled' ? [{ ...event, at: 0 }] : []));
            assert.equal(told, [{ type: 'cancelled', at: 0, flowId: flow, reason: 'lost' }], 'what is told');
            const text = await metrics.text();
            for (const sample of [
              'flows_pending 0',
              'flows_ended_total{ending="lost",error=""} 1',
              'flow_waiting_seconds_count{ending="lost"} 1',
            ])
              assert.match(text, `rx_oauth_callback_${sample}\n`);
          });
        return withBridge(body, { store }, {}, createBridge);
      },
      [
        twin(
          'forgets in silence what is gone',
          edit(
            `if (!this.#options.events.observed) return;
    try {`,
            `if (!this.#options.events.observed || ending === 'lost') return;
    try {`,
          ),
          /what is told/,
        ),
        twin(
          'blames somebody for a loss',
          edit(`? 'lost' : 'expired'`, `? 'cancelled' : 'expired'`),
          /what is told[^]*lost/,
        ),
      ],
    ),
    ofStores(
      'a flow that Redis has lost is told of by one node, and one that was acknowledged by none',
      async ({ open, admin }) => {
        const nodes = [await open(), await open(), await open()];
        const flow = await begun(nodes[0]!, fresh());
        for (const node of nodes) await node.adopt(flow.state);
        const telling = async (of: typeof flow): Promise<number> =>
          (await Promise.all(nodes.map((node) => node.announce(of)))).filter(Boolean).length;
        await admin.clients[0]!.flushAll();
        for (const node of nodes) assert.is(await node.take(flow.state), 'gone');
        assert.is(await telling(flow), 1, 'of one that was lost');
        for (const { key, client } of await admin.keys('rxoc:'))
          assert.is.not(await client.pTTL(key), -1, 'it is remembered for ever');
        // Its program may begin it again, as if nothing had been.
        const again = await begun(nodes[1]!, flow);
        assert.is(await telling(again), 1, 'of one that was begun again');
        const other = await begun(nodes[0]!, fresh());
        await nodes[0]!.cancel(other.state);
        await nodes[0]!.acknowledge(other.state);
        assert.is(await nodes[1]!.take(other.state), 'gone');
        assert.is(await telling(other), 0, 'of one that was acknowledged');
      },
      [
        twin(
          'has every node tell of it',
          edit(`if flow[2] then return flow[2] ==`, `if flow[1] and flow[2] then return flow[2] ==`),
          /of one that was lost[^]*3/,
        ),
        twin(
          'has nobody tell of it',
          edit(`if flow[3] then return 0 end`, `if not flow[1] then return 0 end`),
          /of one that was lost[^]*0/,
        ),
        twin(
          'takes one that was acknowledged for lost',
          edit(`if flow[3] then return 0 end\n`, ``),
          /of one that was acknowledged/,
        ),
        twin(
          'remembers of one that is begun again that it was lost',
          edit(`if known[6] then redis.call('DEL', KEYS[1]) end\n`, ``),
          /of one that was begun again/,
        ),
      ],
    ),
  ),
);
