import { once } from 'node:events';
import { Redis } from 'ioredis';
import { RESP_TYPES } from 'redis';
import { createBridge } from '../../src/bridge/server.ts';
import { redisStore, type RedisClient } from '../../src/redis.ts';
import * as assert from '../helpers/assert.ts';
import { Balancer } from '../helpers/balancer.ts';
import { token } from '../helpers/bridge.ts';
import { observe, withServer } from '../helpers/endpoint.ts';
import { virtualTime } from '../helpers/clock.ts';
import { visit } from '../helpers/http.ts';
import { begun, connected, ending, quiet, withRedis } from '../helpers/redis.ts';
import { RedisServer } from '../helpers/redis-server.ts';
import { newState } from '../helpers/server.ts';
import { edit } from '../helpers/weakened.ts';
import { Browser, endpointUrl, publicUrl } from '../helpers/starting.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';
import { arrival, fresh, ofStores } from './stores.ts';

const callbackServer = exportsOf<typeof import('../../src/server/create.ts')>('server/create.ts');

export const requirements = requirementsOn(
  'Several nodes over one store',
  requirement(
    'L-01',
    {
      demand: 'Deliver a sign-in only to the browser that began it.',
      source: 'OAuth security topics update section 2.3.2; MCP elicitation',
      scope: 'service',
    },
    check(
      server,
      'delivers nothing that another browser brings, and warns its user',
      (create) =>
        withServer(
          { publicUrl },
          async ({ server: callback, port }) => {
            const flow = await callback.begin();
            const seen = observe(flow);
            const [attacker, victim] = [new Browser(port), new Browser(port)];
            await attacker.start(flow.authorizationUrl(endpointUrl));
            const warned = await victim.arrive(flow);
            assert.equal([warned.status, seen.responses.length], [403, 0], 'the victim is not warned');
            assert.match(warned.body, 'This sign-in was started in another browser');
            assert.is((await attacker.arrive(flow)).status, 200);
          },
          create,
        ),
      [
        twin(
          'compares no browsers',
          edit(`return browserFits(expected, arrival) ? undefined : 'wrong_browser';`, `return undefined;`),
          /the victim is not warned/,
        ),
      ],
    ),
  ),

  requirement(
    'L-02',
    {
      demand: 'Set cookies for that with the strictest attributes, one for each flow.',
      source: 'MCP security best practices',
      scope: 'service',
    },
    check(
      server,
      'sets a cookie of each flow, for its host only, that no script reads',
      (create) =>
        withServer(
          { publicUrl },
          async ({ server: callback, port }) => {
            const browser = new Browser(port);
            for (const responseMode of ['query', 'form_post'] as const) {
              const flow = await callback.begin({ responseMode });
              const { raw } = await browser.start(flow.authorizationUrl(endpointUrl));
              const [, attributes = ''] = /^Set-Cookie: __Host-sign-in-[^;]*; (.*)$/m.exec(raw) ?? [];
              const sameSite = responseMode === 'query' ? 'Lax' : 'None';
              assert.match(
                attributes,
                new RegExp(`^Path=/; Max-Age=\\d+; HttpOnly; Secure; SameSite=${sameSite}\\s*$`),
              );
            }
            assert.is(new Set(browser.cookies.map((cookie) => cookie.split('=')[0])).size, 2);
          },
          create,
        ),
      [
        twin('lets scripts read it', edit('; HttpOnly${secure}', '${secure}'), /match/i),
        twin('lets a plain connection carry it', edit(`? '; Secure' : ''`, `? '' : ''`), /match/i),
      ],
    ),
  ),

  requirement('L-03', {
    demand: 'Give each tenant its own redirect URI, and take the tenant from no header or parameter.',
    source: 'OAuth security topics update section 2.2.2',
    scope: 'service',
    provenIn: ['tenants/tenants.spec.ts', 'tenants/bridge.spec.ts', 'cli/serve-tenants.spec.ts'],
  }),

  requirement('L-04', {
    demand: 'Share no client registration between tenants.',
    source: 'OAuth security topics update section 2.2.2',
    scope: 'service',
    absent: 'the service holds no registrations; each program brings its own',
  }),

  requirement(
    'L-05',
    {
      demand:
        'Hash keys of the store together with their tenant, so that equal states of two tenants never meet.',
      source: 'OWASP Multi-Tenant section 4',
      scope: 'service',
      provenIn: ['cluster/sealed.spec.ts'],
    },
    ofStores(
      'shows Redis no state, code, key or outcome',
      async ({ open, client, admin }) => {
        const told: string[] = [];
        const monitor = await client();
        await monitor.monitor((line) => told.push(line));
        const listens = await client();
        await listens.pSubscribe('*', (message) => told.push(message));
        const store = await open();
        const flow = fresh();
        const { id } = await begun(store, flow);
        const stop = await store.onOutcome(flow.state, 60_000, () => undefined);
        await store.consume({ code: 'CANARY-CODE', state: flow.state }, arrival);
        for (const { key, client: at } of await admin.keys('rxoc:'))
          if (key.includes(':flow:')) told.push(JSON.stringify(await at.hGetAll(key)));
        await store.settle(flow.state, { status: 'failure', message: 'CANARY-OUTCOME' });
        await quiet(store);
        stop();
        const all = told.join('\n');
        assert.ok(all.includes(id), 'nothing was heard');
        for (const [what, canary] of [
          ['a code', 'CANARY-CODE'],
          ['a state', flow.state],
          ['a key', flow.key],
          ['an outcome', 'CANARY-OUTCOME'],
        ] as const)
          assert.not.ok(all.includes(canary), `${what} is shown`);
      },
      [
        twin(
          'keeps codes as they are',
          edit(
            `this.#sealer.seal(state, 'response', JSON.stringify(response))`,
            `JSON.stringify(response)`,
            'store/redis/store.ts',
          ),
          /a code is shown/,
        ),
        twin(
          'calls a flow by its state',
          edit(`const id = digest.toString('base64url').slice(0, 22);`, `const id = state;`),
          /a state is shown/,
        ),
        twin(
          'keeps the owner’s key as it is',
          edit(`this.#sealer.owner(state, key)`, `key`),
          /a key is shown/,
        ),
        twin(
          'tells outcomes in the open',
          edit(`this.#sealer.seal(state, 'outcome', JSON.stringify(outcome))`, `JSON.stringify(outcome)`),
          /an outcome is shown/,
        ),
      ],
      ['L-11'],
    ),
    ofStores(
      'keeps the same state of two tenants apart',
      async ({ open }) => {
        const [one, other] = [await open({ tenant: 'one' }), await open({ tenant: 'other' })];
        const flow = fresh();
        await begun(one, flow);
        const { disposition } = await other.consume({ code: 'c', state: flow.state }, arrival);
        assert.is(disposition, 'unmatched', 'at the other tenant');
      },
      [
        twin(
          'calls a flow by its state alone',
          edit(`JSON.stringify([this.#tenant, ...parts])`, `JSON.stringify(parts)`),
          /at the other tenant/,
        ),
      ],
    ),
  ),

  requirement(
    'L-06',
    {
      demand: 'Consume a state in one step at all nodes together.',
      source: 'Redis scripts',
      scope: 'service',
      provenIn: ['cluster/nodes.spec.ts'],
    },
    ofStores(
      'accepts one of the redirects that come to all nodes in the same tick',
      async ({ open }) => {
        const nodes = [await open(), await open(), await open()];
        for (let round = 0; round < 5; round++) {
          const { state } = await begun(nodes[0]!, fresh());
          const consumed = await Promise.all(
            Array.from({ length: 30 }, (_, n) => nodes[n % 3]!.consume({ code: String(n), state }, arrival)),
          );
          const accepted = consumed.filter(({ disposition }) => disposition === 'accepted').length;
          assert.is(accepted, 1, 'accepted in the same tick');
          const again = await nodes[0]!.consume({ code: 'again', state }, arrival);
          assert.is(again.disposition, 'duplicate', 'one after the other');
        }
      },
      [
        twin(
          'looks whether a state is used in one step and uses it up in another',
          [
            edit('if flow[3] or flow[9] or now >= tonumber', 'if now >= tonumber'),
            edit(
              `const [page] = this.#pages.of(id);
    const code`,
              `const [page] = this.#pages.of(id);
    if (typeof (await this.take(state)) === 'object') return { disposition: 'duplicate' };
    const code`,
            ),
          ],
          /accepted in the same tick/,
        ),
      ],
    ),
    ofStores(
      'gives a ticket to one of those that use it at all nodes in the same tick',
      async ({ open }) => {
        const nodes = [await open(), await open(), await open()].map(({ records }) => records);
        for (let round = 0; round < 5; round++) {
          const key = newState();
          assert.ok(await nodes[0]!.replace(key, undefined, 'ticket', 60_000));
          const taken = await Promise.all(
            Array.from({ length: 30 }, async (_, n) => {
              const found = await nodes[n % 3]!.read(key);
              return found !== undefined && nodes[n % 3]!.replace(key, found.version, undefined, 0);
            }),
          );
          assert.is(taken.filter(Boolean).length, 1, 'taken in the same tick');
          assert.is(await nodes[1]!.read(key), undefined);
        }
      },
      [
        twin(
          'does not compare versions',
          edit('if value ~= ARGV[1] then return 0 end', ''),
          /taken in the same tick/,
        ),
      ],
    ),
  ),

  requirement('L-07', {
    demand: 'Document what a failover of the store can lose.',
    source: 'Redis replication',
    scope: 'service',
    provenIn: ['cluster/links.spec.ts'],
  }),

  requirement(
    'L-08',
    {
      demand: 'Find every result although the messages about it are lost.',
      source: 'Redis Pub/Sub',
      scope: 'service',
      provenIn: ['cluster/links.spec.ts', 'cluster/nodes.spec.ts'],
    },
    ofStores(
      'finds out what ended though no message comes',
      async ({ open, client, server, admin }) => {
        const rule = 'on >secret ~* resetchannels +@all';
        await admin.clients[0]!.sendCommand(['ACL', 'SETUSER', 'deaf', ...rule.split(' ')]);
        const deaf = await client(server.url, { username: 'deaf', password: 'secret' });
        const { scheduler, advance } = virtualTime();
        const [one, other] = [await open({ client: deaf, poll: 300, scheduler }), await open()];
        const flow = await begun(one, fresh());
        const woken: string[] = [];
        one.watch(flow, { wake: () => void woken.push('woken') });
        await other.consume({ code: 'c', state: flow.state }, arrival);
        advance(300);
        // Redis answers in order: the look for what has ended, and then these.
        for (let answers = 0; answers < 3; answers++) await one.check();
        assert.equal(woken, ['woken'], 'the wake-up');
      },
      [
        twin(
          'trusts in messages',
          edit(`Promise.all([this.sweep(), onPoll()`, `Promise.all([onPoll()`),
          /the wake-up/,
        ),
      ],
    ),
    ofStores(
      'tells results at once, however the client of the caller is set up',
      async ({ server, client, open, defer, fromIoRedis }) => {
        const { port } = server;
        const io = (made: Redis): RedisClient => {
          defer(() => made.disconnect());
          return fromIoRedis(made);
        };
        const impatient = new Redis({ port, enableOfflineQueue: false });
        await once(impatient, 'ready');
        const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String };
        const clients: Record<string, RedisClient> = {
          keyPrefix: io(new Redis({ port, keyPrefix: 'app:' })),
          stringNumbers: io(new Redis({ port, stringNumbers: true })),
          lazyConnect: io(new Redis({ port, lazyConnect: true })),
          enableOfflineQueue: io(impatient),
          'type mapping': await client(server.url, { commandOptions: { typeMapping } }),
        };
        for (const [name, of] of Object.entries(clients)) {
          // A node and another one that shares its client.
          const [one, other] = [
            await open({ client: of, poll: 600_000 }),
            await open({ client: of, poll: 600_000 }),
          ];
          const flow = await begun(one, fresh());
          const woken = ending(one, flow);
          await other.consume({ code: 'c', state: flow.state }, arrival);
          await assert.deadline(woken, `a message with ${name}`, 5_000);
          const response = { code: 'c', state: flow.state };
          assert.equal(await one.take(flow.state), { type: 'response', response }, name);
          assert.is(await one.announce(flow), true, name);
          assert.is(await one.acknowledge(flow.state), true, name);
        }
      },
      [
        twin(
          'subscribes to a channel with the prefix of the keys',
          edit(`plain = { keyPrefix: '' }`, 'plain = {}'),
          /a message with keyPrefix/,
        ),
        twin(
          'takes answers for texts and numbers',
          edit(
            'return Number(await this.#commands.run(scripts.announce',
            'return (await this.#commands.run(scripts.announce',
          ),
          /stringNumbers/,
        ),
        twin(
          'reads no bytes',
          edit('if (Array.isArray(answer)) return answer.map(plain);', 'if (answer) return answer;'),
          /client must return the answers of Redis unchanged/,
        ),
      ],
    ),
  ),

  requirement('L-09', {
    demand: 'Deduplicate messages of JetStream.',
    source: 'NATS; Jepsen NATS 2.12.1',
    scope: 'service',
    absent: 'there is no JetStream store',
  }),

  requirement(
    'L-10',
    {
      demand: 'Give every key of the store a time to live by the clock of the store.',
      source: 'Redis EXPIRE',
      scope: 'service',
      provenIn: ['cluster/sealed.spec.ts'],
    },
    ofStores(
      'gives every key a time to live, at each step',
      async ({ open, admin }) => {
        const store = await open({ quota: {} });
        const flow = fresh();
        const lives = async (step: string): Promise<void> => {
          const keys = await admin.keys('rxoc:');
          assert.ok(keys.length > 0);
          for (const { key, client } of keys)
            assert.is.not(await client.pTTL(key), -1, `${step}: a key lives for ever`);
        };
        await begun(store, flow);
        await lives('begun');
        const stop = await store.onOutcome(flow.state, 60_000, () => undefined);
        await store.consume({ code: 'c', state: flow.state }, arrival);
        await lives('consumed');
        await store.acknowledge(flow.state);
        await lives('acknowledged');
        stop();
      },
      [
        twin(
          'begins flows that stay for ever',
          edit(
            `redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires + ARGV[6]))`,
            `redis.call('PERSIST', KEYS[1])`,
          ),
          /begun: a key lives for ever/,
        ),
        twin(
          'remembers used states for ever',
          edit(
            `redis.call('HSET', KEYS[1], 'u', '1', 'a', flow[3] or '')`,
            `do redis.call('HSET', KEYS[1], 'u', '1') return 1 end`,
          ),
          /acknowledged: a key lives for ever/,
        ),
        twin(
          'remembers for ever where a page has waited',
          edit(`ARGV[7], 'PX', ARGV[8])`, `ARGV[7])`),
          /consumed: a key lives for ever/,
        ),
      ],
    ),
  ),

  requirement(
    'L-11',
    {
      demand: 'Encrypt codes and error texts in the store, bound to tenant, flow and purpose.',
      source: 'RFC 6749 section 10.5; OWASP Cryptographic Storage',
      scope: 'service',
      provenIn: ['cluster/sealed.spec.ts'],
    },
    ofStores(
      'opens what was sealed for this tenant, flow and purpose, with a key it has, and nothing else',
      async ({ open, admin }) => {
        const key = (byte: number) => [{ id: 'k', key: Buffer.alloc(32, byte) }];
        const [one, other] = [
          await open({ tenant: 'one', keys: key(1) }),
          await open({ tenant: 'other', keys: key(1) }),
        ];
        const flow = fresh();
        for (const store of [one, other]) {
          await begun(store, flow);
          await store.consume({ code: 'c', state: flow.state }, arrival);
          assert.is(((await store.take(flow.state)) as { type: string }).type, 'response');
        }
        const stranger = await open({ tenant: 'one', keys: key(2) });
        await assert.rejects(stranger.read(flow.state), 'stored_flow_unreadable');
        const flows = (await admin.keys('rxoc:')).filter((each) => each.key.includes(':flow:'));
        const [first, second] = flows.map((each) => each.key);
        const [redis] = admin.clients;
        await redis!.hSet(first!, 'r', (await redis!.hGet(second!, 'r'))!);
        const opened = await Promise.allSettled([one, other].map((store) => store.take(flow.state)));
        assert.is(
          opened.filter(({ status }) => status === 'fulfilled').length,
          1,
          "one has the other tenant's response",
        );
      },
      [
        twin(
          'does not bind what it seals to a tenant',
          edit(`JSON.stringify([this.#tenant, purpose, state])`, `JSON.stringify([purpose, state])`),
          /one has the other tenant's response/,
        ),
        twin(
          'seals with the state, whatever keys it has',
          edit(`[counter, key, `, `[counter, `),
          /Expected promise to reject/,
        ),
      ],
    ),
  ),

  requirement('L-12', {
    demand: 'Work over TLS and with minimal rights at the store.',
    source: 'Redis ACL',
    scope: 'service',
    provenIn: ['cluster/links.spec.ts'],
  }),

  requirement('L-13', {
    demand: 'Limit each tenant, so that one over its quota slows down no other.',
    source: 'OWASP Multi-Tenant section 5',
    scope: 'service',
    provenIn: [
      'bridge/shares.spec.ts',
      'cluster/links.spec.ts',
      'cluster/tenants.spec.ts',
      'tenants/bridge.spec.ts',
    ],
  }),

  requirement(
    'L-14',
    {
      demand: 'Answer 503 while the store cannot be reached, and accept nothing.',
      source: 'this product',
      scope: 'service',
      provenIn: ['cluster/links.spec.ts', 'store/host.spec.ts'],
    },
    check(
      callbackServer,
      'answers 503 with Retry-After while the store cannot be reached, and accepts nothing',
      ({ createOAuthCallbackServer }) =>
        withRedis(async ({ server: redis, defer }) => {
          const client = await connected(redis.url);
          defer(() => client.destroy());
          const store = await redisStore({ client, timeout: 1_000 });
          defer(() => store.close());
          const server = createOAuthCallbackServer({ logger: { warn: () => undefined } });
          defer(() => server.close());
          await createBridge(server, { token, store }).listen();
          const { state } = await begun(store, fresh());
          const seen: string[] = [];
          server.redirects.subscribe(({ disposition }) => seen.push(disposition));
          await redis.stop('SIGKILL');
          const { status, headers } = await visit(server.address.port, `/callback?code=c&state=${state}`);
          assert.is(status, 503, 'the status');
          assert.ok(headers['retry-after'], 'nothing says when to come again');
          assert.equal(seen, [], 'what became of the redirect');
        }),
      [
        twin(
          'takes a store that is away for one without the flow',
          edit(
            `.match(fields, arrival).then(`,
            `.match(fields, arrival).catch(() => ({ disposition: 'unmatched' as const })).then(`,
          ),
          /the status[^]*400/,
        ),
        twin(
          'accepts what it cannot ask about',
          edit(
            `.match(fields, arrival).then(`,
            `.match(fields, arrival).catch(() => ({ disposition: 'accepted' as const, flowId: 'f' })).then(`,
          ),
          /the status[^]*200/,
        ),
      ],
      { redis: true },
    ),
    ofStores(
      'leaves a Redis that only reads for the new primary, and reports READONLY',
      async ({ server, client, open, defer, admin }) => {
        const name = await Balancer.open();
        defer(() => name[Symbol.asyncDispose]());
        const next = await RedisServer.start();
        defer(() => next[Symbol.asyncDispose]());
        name.targets.add(server.port);
        const causes: string[] = [];
        const store = await open({
          client: await client(`redis://127.0.0.1:${name.port}`),
          timeout: 2_000,
          poll: 600_000,
          report: (error) => causes.push(((error as Error).cause as Error).message),
        });
        const other = await open({ client: await client(next.url) });
        // A replica of nothing: it hears no message from the new primary.
        await admin.clients[0]!.sendCommand(['REPLICAOF', '127.0.0.1', '1']);
        name.targets.delete(server.port);
        name.targets.add(next.port);
        const flow = await begun(store, fresh());
        const woken = ending(store, flow);
        await other.consume({ code: 'c', state: flow.state }, arrival);
        await assert.deadline(woken, 'the message from the new primary', 5_000);
        assert.is(causes.length, 1, causes.join());
        assert.match(causes[0] ?? '', /^READONLY /);
      },
      [
        twin(
          'stays connected to the demoted primary',
          edit('void this.#connection.renew();', ''),
          /the store cannot be reached/,
        ),
        twin(
          'receives messages from the demoted primary only',
          edit('() => void this.#wakes.renew()', '() => undefined'),
          /the message from the new primary/,
        ),
        twin('says nothing about it', edit('this.#tell(error);\n', ''), /0/),
      ],
    ),
  ),

  requirement('L-15', {
    demand: 'Lose no flow when nodes fail or restart.',
    source: 'RFC 6455 section 7.4',
    scope: 'service',
    provenIn: ['cluster/nodes.spec.ts', 'cluster/serve.spec.ts'],
  }),

  requirement('L-16', {
    demand: 'Fetch nothing that a tenant names from a private network.',
    source: 'MCP security best practices',
    scope: 'service',
    note: 'The service requests only webhooks, whose targets the operator lists; the URL of a key set is the operator’s own.',
    provenIn: ['bridge/webhooks.spec.ts'],
  }),
);
