/** The results of a key's flows as server-sent events. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { ConnectionEvent } from '../../../src/bridge/audit.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { deadline, equal, is, match, not, ok } from '../../helpers/assert.ts';
import { counts, withBridge, withPeers, type Bridged, type CreateBridge } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { EventSource } from '../../helpers/event-source.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('stream of the results of a key');

/** A key, with its programs and streams at one bridge. */
class Keyed {
  readonly #bridged: Pick<Bridged, 'port' | 'visit'>;
  readonly key: string;

  constructor(bridged: Pick<Bridged, 'port' | 'visit'>, key = newState()) {
    this.#bridged = bridged;
    this.key = key;
  }

  async begin(options?: object): Promise<{ program: PlainProgram; flowId: string }> {
    const program = new PlainProgram(this.#bridged.port, { key: this.key });
    const { status, json, raw } = await program.begin(options);
    is(status, 201, raw);
    return { program, flowId: (json as { flowId: string }).flowId };
  }

  stream(lastId?: string, headers: Readonly<Record<string, string>> = {}): EventSource {
    const own = new PlainProgram(0, { key: this.key, changes: { 'Flow-State': null } }).headers;
    return new EventSource(
      `http://127.0.0.1:${this.#bridged.port}/bridge/flows`,
      { ...own, ...headers },
      lastId,
    );
  }

  async signIn({ state }: PlainProgram, code: string): Promise<void> {
    is((await this.#bridged.visit(`/callback?code=${code}&state=${state}`)).status, 200);
  }
}

test('has the results of flows that were begun before and after it was opened', () =>
  withBridge(async (bridged) => {
    const keyed = new Keyed(bridged);
    const first = await keyed.begin();
    using stream = keyed.stream();
    const { statusCode, headers } = await stream.answered;
    equal(
      [statusCode, headers['content-type'], headers['cache-control'], headers['x-accel-buffering']],
      [200, 'text/event-stream', 'no-store', 'no'],
    );
    await stream.sees('retry: 2000\n\n');
    const second = await keyed.begin();
    await keyed.signIn(second.program, 'code-of-the-second');
    await keyed.signIn(first.program, 'code-of-the-first');
    for (const [n, { program, flowId }, code] of [
      [1, second, 'code-of-the-second'],
      [2, first, 'code-of-the-first'],
    ] as const) {
      const { type, id, data } = await stream.next();
      match(id, new RegExp(`-${n}$`));
      equal(
        [type, data],
        ['result', { flowId, result: { type: 'response', response: { code, state: program.state } } }],
      );
    }
    is(bridged.bridge.stats().listeners, 1);
  }));

/** @param ms Milliseconds after which an event counts as lost. */
async function repeats(bridged: Bridged, ms?: number): Promise<void> {
  const keyed = new Keyed(bridged);
  const flows = [await keyed.begin(), await keyed.begin(), await keyed.begin()];
  const ids: string[] = [];
  {
    using stream = keyed.stream();
    for (const [n, { program }] of flows.entries()) await keyed.signIn(program, `code-${n}`);
    for (const { flowId } of flows) {
      const { id, data } = await stream.next(ms);
      is(data.flowId, flowId);
      ids.push(id);
    }
  }
  using all = keyed.stream();
  for (const { flowId } of flows) is((await all.next(ms)).data.flowId, flowId, 'each is sent again');
  is((await flows[0]!.program.drop()).status, 204);
  // Only what the client has not had, and what is not acknowledged.
  using rest = keyed.stream(ids[1]);
  const { id, data } = await rest.next(ms);
  equal([id, data.flowId], [ids[2], flows[2]!.flowId], 'what came after the last id');
  using foreign = keyed.stream('another-epoch-9');
  is((await foreign.next(ms)).data.flowId, flows[1]!.flowId, 'the numbers of another record mean nothing');
}

test('sends each result on every stream until it is acknowledged, from the Last-Event-ID on', () =>
  withBridge(repeats));

for (const [what, change, complaint] of [
  [
    'believes numbers of another record',
    edit('return epoch === current ? Number(number) : 0;', 'return Number(number ?? 0);'),
    /an event|numbers of another record/,
  ],
  [
    'ignores Last-Event-ID',
    edit('if (epoch !== record.epoch) this.#sent = this.#had(record.epoch);', ''),
    /what came after/,
  ],
  [
    'forgets a result that it has sent',
    edit(
      "this.#event('result', result, id),",
      "{ this.#event('result', result, id); void this.#listener.receive({ type: 'ack', flowIds: [result.flowId] }); }",
    ),
    /an event/,
  ],
] as const)
  test(`a bridge that ${what} is found out`, async () => {
    const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
    await complains(
      () => withBridge((bridged) => repeats(bridged, 500), {}, {}, twin.createBridge),
      complaint,
    );
  });

async function stealing(bridged: Bridged): Promise<void> {
  const keyed = new Keyed(bridged);
  const { program } = await keyed.begin();
  const thief = new Keyed(bridged);
  using stream = thief.stream();
  is(await stream.status(), 200);
  await keyed.signIn(program, 'code-of-the-owner');
  const own = await thief.begin();
  await thief.signIn(own.program, 'code-of-the-thief');
  await stream.next();
  not.match(stream.text, 'code-of-the-owner');
}

test('has nothing of flows with another key', () => withBridge(stealing));

test('a bridge whose keys share a record is found out', async () => {
  const blind = edit(
    "return `flows of a key ${tenant} ${sha256(key, 'base64url')}`;",
    'return `flows of a key ${tenant} ${key.slice(99)}`;',
  );
  const careless = edit(
    "if (!flow || !sameKey(flow.key, key)) return 'gone';",
    "if (!flow) return 'gone'; key = flow.key;",
  );
  const mutable = edit(
    'const { key } = this.#owner;\n    const flow = await',
    'let { key } = this.#owner;\n    const flow = await',
  );
  const twin = (await weakenedModule('bridge/server.ts', blind, mutable, careless)) as {
    createBridge: CreateBridge;
  };
  await complains(() => withBridge(stealing, {}, {}, twin.createBridge), /Assertion/);
});

test('gives way to a newer one, at the same bridge and at another node', async () => {
  const { scheduler, advance } = virtualTime();
  const store = memoryStore();
  await withBridge(
    (here) =>
      withBridge(
        async (there) => {
          const [keyed, other] = [new Keyed(here), new Keyed(there)];
          const moved = new Keyed(there, keyed.key);
          const { program, flowId } = await keyed.begin();
          using first = keyed.stream();
          is(await first.status(), 200);
          using second = keyed.stream();
          equal((await first.next()).data, { reason: 'taken_over' });
          await first.over;
          using third = moved.stream();
          is(await third.status(), 200);
          advance(1_000);
          equal((await second.next()).data, { reason: 'taken_over' });
          await second.over;
          // Begun at the other node.
          const later = await keyed.begin();
          advance(1_000);
          await keyed.signIn(later.program, 'c');
          is((await third.next()).data.flowId, later.flowId);
          await moved.signIn(program, 'd');
          is((await third.next()).data.flowId, flowId);
          using stranger = other.stream();
          is(await stranger.status(), 200);
          is(there.bridge.connections, 2);
        },
        { store },
        { scheduler },
      ),
    { store },
    { scheduler },
  );
});

test('takes a flow up again that a repeated begin or a poll has taken over, once that is over', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async (bridged) => {
      const keyed = new Keyed(bridged);
      const { program, flowId } = await keyed.begin();
      using stream = keyed.stream();
      await stream.sees('retry');
      await counts(bridged.bridge, 1);
      advance(1_000);
      for (const take of [() => program.begin(), () => program.wait(0)]) {
        await take();
        equal((await stream.next()).data, { flowId, reason: 'taken_over' });
        advance(1_000);
      }
      await keyed.signIn(program, 'a-code');
      is((await stream.next()).data.flowId, flowId);
    },
    {},
    { scheduler },
  );
});

test('says which flow another program has taken over', () =>
  withBridge(async (bridged) => {
    const keyed = new Keyed(bridged);
    const { program, flowId } = await keyed.begin();
    using stream = keyed.stream();
    await stream.sees('retry');
    await withPeers(bridged.url, async (open) => {
      const peer = open();
      await peer.welcome();
      peer.say({ type: 'begin', ref: 1, state: program.state, key: program.key });
      await peer.next('begun');
      const { type, data } = await stream.next();
      equal([type, data], ['lost', { flowId, reason: 'taken_over' }]);
    });
  }));

test('sends comments so that no proxy gives it up, and the end of flows that expire', () => {
  const { scheduler, advance } = virtualTime();
  return withBridge(
    async (bridged) => {
      const keyed = new Keyed(bridged);
      using stream = keyed.stream();
      await stream.sees('retry');
      const { flowId } = await keyed.begin({ ttl: 5_000 });
      advance(30_000);
      await stream.sees('\n\n:\n\n');
      equal((await stream.next()).data, { flowId, result: { type: 'expired' } });
      // No flow was pending for so long that the record is gone.
      advance(600_000);
      const late = await keyed.begin();
      await keyed.signIn(late.program, 'late');
      is((await stream.next()).data.flowId, late.flowId);
    },
    {},
    { scheduler },
  );
});

test('ends with the bridge and with its credential, and is counted and audited as a connection', () =>
  withBridge(
    async (bridged) => {
      const { bridge } = bridged;
      const events: ConnectionEvent[] = [];
      internalsOfBridge(bridge).onConnection((event) => events.push(event));
      const keyed = new Keyed(bridged);
      for (const [end, code] of [
        [() => bridge.revoke('agent'), 4401],
        [() => bridge.drain({ restart: true }), 1012],
        [() => bridge.close(), 1001],
      ] as const) {
        bridge.setTokens([{ name: 'agent', token: 'a-token-of-the-specs', roles: ['listener'] }]);
        await bridge.listen();
        using stream = keyed.stream();
        is(await stream.status(), 200);
        await counts(bridge, 1);
        await end();
        await stream.over;
        await counts(bridge, 0);
        const last = events.at(-1);
        equal([last?.type, last?.type === 'closed' && last.code], ['closed', code]);
      }
      using refused = keyed.stream();
      is(await refused.status(), 404);
    },
    {
      token: undefined,
      tokens: [{ name: 'agent', token: 'a-token-of-the-specs', roles: ['listener'] }],
    } as never,
  ));

test('is rejected without a key, and by a client that takes no events', () =>
  withBridge(async (bridged) => {
    const keyed = new Keyed(bridged);
    for (const [headers, status] of [
      [{ 'Flow-Key': 'short' }, 400],
      [{ Accept: 'application/json' }, 406],
      [{ Authorization: 'Bearer of-a-stranger-who-came' }, 401],
      [{ Accept: '*/*' }, 200],
      [{ Accept: 'text/*;q=0.5, application/json' }, 200],
    ] as const) {
      using stream = keyed.stream(undefined, headers);
      is(await stream.status(), status, JSON.stringify(headers));
    }
    const program = new PlainProgram(bridged.port);
    is((await program.ask('POST', '/flows')).headers['allow'], 'GET');
  }));

/** The store fails while a stream takes up a flow that has ended. The next stream has its result. */
async function keepsWhatItCannotTakeUp(create?: CreateBridge): Promise<void> {
  const store = memoryStore();
  const adopt = store.adopt.bind(store);
  await withBridge(
    async (bridged) => {
      const keyed = new Keyed(bridged);
      const { program, flowId } = await keyed.begin();
      await keyed.signIn(program, 'c');
      store.adopt = () => Promise.reject(new StoreUnavailableError('the store of the spec fails'));
      using first = keyed.stream();
      await deadline(first.over, 'the end of the first stream');
      store.adopt = adopt;
      using second = keyed.stream();
      is((await second.next(create && 500)).data.flowId, flowId);
    },
    { store },
    {},
    create,
  );
}

/** A credential that may have no flow of the key opens a stream of it. */
async function keepsWhatAnotherMayHave(create?: CreateBridge): Promise<void> {
  const narrow = { name: 'narrow', roles: ['listener'] as const, flows: ['another-flow'] };
  await withBridge(
    async (bridged) => {
      const keyed = new Keyed(bridged);
      const { program, flowId } = await keyed.begin();
      using first = keyed.stream(undefined, { Authorization: 'Bearer of-a-narrow-credential' });
      is(await first.status(), 200);
      await counts(bridged.bridge, 1);
      await keyed.signIn(program, 'c');
      using second = keyed.stream();
      is((await second.next(create && 500)).data.flowId, flowId);
      not.match(first.text, flowId);
    },
    { authenticate: () => narrow },
    {},
    create,
  );
}

test('keeps a flow for the next stream that it cannot take up itself', async () => {
  await keepsWhatItCannotTakeUp();
  await keepsWhatAnotherMayHave();
});

test('a bridge that forgets what a stream cannot take up is found out', async () => {
  const change = edit("if (found === 'gone') gone.add(state);", 'gone.add(state);');
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  for (const check of [keepsWhatItCannotTakeUp, keepsWhatAnotherMayHave])
    await complains(() => check(twin.createBridge), /an event/);
});

/** The other side of a connection reads nothing. Its credential is revoked. */
async function cutsOff(create?: CreateBridge): Promise<void> {
  const { scheduler, advance } = virtualTime();
  const http = createServer();
  // The operating system takes nothing more.
  http.on('connection', (socket) => Object.assign(socket, { _writev: null, _write: () => undefined }));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  try {
    await withBridge(
      async (bridged) => {
        const { bridge } = bridged;
        using stream = new Keyed(bridged).stream();
        await counts(bridge, 1);
        bridge.revoke('token');
        advance(1_000);
        await deadline(stream.over, 'the end of the connection', create && 500);
        await counts(bridge, 0);
      },
      {},
      { server: http, scheduler },
      create,
    );
  } finally {
    http.closeAllConnections();
    http.close();
  }
}

test('cuts off a client that does not read its end', () => cutsOff());

test('a bridge that waits for a client which does not read is found out', async () => {
  const change = edit('this.#undo.push(this.#context.clock.after(endMs, () => this.#exchange.cut()));', '');
  const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
  await complains(() => cutsOff(twin.createBridge), /the end of the connection/);
});

test('ends with its connection, and with the bridge, also if it waits for its turn on that connection', () =>
  withBridge(async ({ bridge, port, server }) => {
    const request = (): string => {
      const headers = { ...new PlainProgram(port).headers, Host: `127.0.0.1:${port}` };
      const lines = Object.entries(headers).map((line) => `${line.join(': ')}\r\n`);
      return `GET /bridge/flows HTTP/1.1\r\n${lines.join('')}\r\n`;
    };
    {
      using socket = await RawSocket.open(server.address);
      await socket.write(request() + request());
      await counts(bridge, 2);
    }
    await counts(bridge, 0);
    using socket = await RawSocket.open(server.address);
    await socket.write(request() + request());
    await counts(bridge, 2);
    await deadline(bridge.close(), 'the end of the bridge');
    is(bridge.connections, 0);
  }));

test('has at most 256 flows of a key, and takes more once some are acknowledged', () =>
  withBridge(async (bridged) => {
    const keyed = new Keyed(bridged);
    const all: PlainProgram[] = [];
    for (let n = 0; n < 16; n++) {
      const begun = await Promise.all(Array.from({ length: 16 }, () => keyed.begin()));
      all.push(...begun.map(({ program }) => program));
    }
    const more = new PlainProgram(bridged.port, { key: keyed.key });
    const answer = await more.begin();
    equal([answer.status, (answer.json as { code: string }).code], [429, 'too_many_flows']);
    is(bridged.server.pending, 256);
    is((await all[0]!.drop()).status, 204);
    is((await new PlainProgram(bridged.port, { key: keyed.key }).begin()).status, 201);
    ok(bridged.server.pending === 256);
  }));

test('is cut off if its client does not read', () =>
  withBridge(
    async (bridged) => {
      const keyed = new Keyed(bridged);
      using stream = keyed.stream();
      const answer = await stream.answered;
      answer.pause();
      for (let n = 0; bridged.bridge.connections > 0 && n < 2_000; n++) {
        const { program } = await keyed.begin();
        await bridged.visit(`/callback?code=${'c'.repeat(7_000)}&state=${program.state}`);
        if (n >= 100) await program.drop();
      }
      is(bridged.bridge.connections, 0);
    },
    { limits: { queued: 40_000 } },
  ));

test.run();
