/** What PROTOCOL.md says of the bridge's answers, provoked at a real bridge. */
import { bounds as published } from '../../../tools/asyncapi.ts';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { BridgeOptions } from '../../../src/bridge/options.ts';
import type { Role, ServiceMessage } from '../../../src/wire/protocol.ts';
import type { FlowStore, SharedRecords } from '../../../src/model/flow-store.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import * as assert from '../../helpers/assert.ts';
import {
  newKey,
  proofOf,
  shake,
  withBridge,
  withPeers,
  withTicket,
  type Bridged,
  type Change,
  type Credential,
  type Peer,
} from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { send } from '../../helpers/http.ts';
import { plain, protocolPage, sectionsOf, tablesIn, tableWith, under } from '../../helpers/protocol-page.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('PROTOCOL.md at a real bridge');

const tokens = (['listener', 'monitor'] as const).map((role) => ({
  name: role,
  token: `the-token-of-a-${role}`,
  roles: [role] as readonly Role[],
}));
const listener: Credential = { bearer: 'the-token-of-a-listener' };
const monitor: Credential = { bearer: 'the-token-of-a-monitor' };
const origin = 'https://app.example';

interface Service extends Bridged {
  open: (credential?: Credential) => Peer;
  /** Set to let every call of the store fail. */
  fault: { error: Error | undefined };
}

/** Records that fail together with their store. */
function failing(records: SharedRecords, fault: Service['fault']): SharedRecords {
  const unless = <T>(step: () => Promise<T>): Promise<T> =>
    fault.error ? Promise.reject(fault.error) : step();
  return {
    read: (...args) => unless(() => records.read(...args)),
    replace: (...args) => unless(() => records.replace(...args)),
  };
}

/** A service whose store can fail. */
function withService(
  body: (service: Service) => Promise<void>,
  options: Partial<BridgeOptions> = {},
  serverOptions: Parameters<typeof withBridge>[2] = {},
): Promise<void> {
  const fault: Service['fault'] = { error: undefined };
  const memory = options.store ?? memoryStore();
  const store = new Proxy(memory, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name === 'records') return failing(member as SharedRecords, fault);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const asynchronous = [
          'begin',
          'read',
          'adopt',
          'acknowledge',
          'cancel',
          'confirm',
          'take',
          'owner',
        ].includes(String(name));
        if (fault.error && asynchronous) return Promise.reject(fault.error);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  return withBridge(
    (bridged) => withPeers(bridged.url, (open) => body({ ...bridged, open, fault })),
    { tokens, origins: [origin, 'https://other.example'], ...options, store },
    serverOptions,
  );
}

const away = new StoreUnavailableError('the store cannot be reached');

async function connected({ open }: Service, credential: Credential = listener): Promise<[Peer, string]> {
  const peer = open(credential);
  return [peer, await peer.welcome()];
}

/** Answer of the service: `close CODE`, or the messages that it has sent. */
async function answerTo(peer: Peer, message: object): Promise<string> {
  const { heard, socket } = peer;
  heard.length = 0;
  peer.say(message);
  const closed = new Promise<string>((resolve) => socket.once('close', (code) => resolve(`close ${code}`)));
  const ponged = new Promise<void>((resolve) => {
    let pongs = 0;
    socket.on('message', function look() {
      if (heard.at(-1)?.type !== 'pong') return;
      heard.pop();
      // Again, because the first `pong` overtakes an answer for which the service asks its store, and the second one an
      // answer for which it asks the peer if it is there.
      if (++pongs < 3) peer.say({ type: 'ping' });
      else {
        socket.off('message', look);
        resolve();
      }
    });
  });
  peer.say({ type: 'ping' });
  const code = await assert.deadline(Promise.race([closed, ponged]), 'an answer');
  return code ?? (heard.map(wordOf).join(', ') || 'nothing');
}

const wordOf = (message: ServiceMessage): string =>
  message.type === 'failed' ? `failed ${message.code}` : message.type;

const beginning = (more: object = {}): object => ({
  type: 'begin',
  ref: 1,
  state: newState(),
  key: newKey(),
  ...more,
});

interface Kept {
  flowId: string;
  state: string;
  key: string;
}

async function begun(peer: Peer): Promise<Kept> {
  const [state, key] = [newState(), newKey()];
  return { state, key, flowId: await peer.begin(state, key) };
}

/** Sends a message for a flow with this binding. @param error Fault of the store meanwhile. */
function inBound(binding: 'cookie' | 'code', message: (flowId: string) => object, error?: Error) {
  return async (service: Service): Promise<string> => {
    const [peer] = await connected(service);
    await answerTo(peer, beginning({ binding }));
    const { flowId } = peer.heard.at(-1) as { flowId: string };
    service.fault.error = error;
    return answerTo(peer, message(flowId));
  };
}

const resuming = ({ flowId, state, key }: Kept, nonce: string, more: object = {}): object => ({
  type: 'resume',
  ref: 2,
  flowId,
  state,
  proof: proofOf(key, nonce),
  ...more,
});

/** Breaks a rule of the protocol, in a fresh service, and returns the answer. */
interface Breach {
  of: string;
  how: string;
  answer: string;
  provoke: (service: Service) => Promise<string>;
  options?: Partial<BridgeOptions>;
  serverOptions?: Parameters<typeof withBridge>[2];
}

const says =
  (message: object, credential: Credential = listener): Breach['provoke'] =>
  async (service) => {
    const [peer] = await connected(service, credential);
    return answerTo(peer, message);
  };

/** Says something about a flow while the store cannot be reached. */
const saysAway =
  (message: (flow: Kept, nonce: string) => object): Breach['provoke'] =>
  async (service) => {
    const [peer, nonce] = await connected(service);
    const flow = await begun(peer);
    service.fault.error = away;
    return answerTo(peer, message(flow, nonce));
  };

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);

const breaches: readonly Breach[] = [
  { of: 'begin', how: 'no ref', answer: 'close 1008', provoke: says({ ...beginning(), ref: undefined }) },
  { of: 'begin', how: 'a ref of -1', answer: 'close 1008', provoke: says(beginning({ ref: -1 })) },
  { of: 'begin', how: 'a monitor', answer: 'close 1008', provoke: says(beginning(), monitor) },
  {
    of: 'begin',
    how: 'no key',
    answer: 'failed invalid_option',
    provoke: says(beginning({ key: undefined })),
  },
  {
    of: 'begin',
    how: 'a state of another flow',
    answer: 'failed state_in_use',
    provoke: async (service) => {
      const [peer] = await connected(service);
      const { state } = await begun(peer);
      return answerTo(peer, beginning({ state }));
    },
  },
  {
    of: 'begin',
    how: 'more flows than a connection may have',
    answer: 'failed too_many_flows',
    options: { limits: { flows: 1 } },
    provoke: async (service) => {
      const [peer] = await connected(service);
      await begun(peer);
      return answerTo(peer, beginning());
    },
  },
  {
    of: 'begin',
    how: 'more flows than the service takes',
    answer: 'failed too_many_flows',
    serverOptions: { maxFlows: 1 },
    provoke: async (service) => {
      await begun((await connected(service))[0]);
      return answerTo((await connected(service))[0], beginning());
    },
  },
  {
    of: 'begin',
    how: 'a ticket for some flows',
    answer: 'failed too_many_flows',
    provoke: async (service) => {
      const ticket = service.bridge.issueTicket({ origin, flows: ['x'] });
      return answerTo((await connected(service, { ticket, origin }))[0], beginning());
    },
  },
  { of: 'begin', how: 'no store', answer: 'failed unavailable', provoke: saysAway(() => beginning()) },
  {
    of: 'begin',
    how: 'a fault of the service',
    answer: 'failed closed',
    provoke: async (service) => {
      const [peer] = await connected(service);
      service.fault.error = new Error('not foreseen');
      return answerTo(peer, beginning());
    },
  },
  {
    of: 'resume',
    how: 'a proof with padding',
    answer: 'close 1008',
    provoke: async (service) => {
      const [peer, nonce] = await connected(service);
      const flow = await begun(peer);
      return answerTo(peer, resuming(flow, nonce, { proof: `${proofOf(flow.key, nonce)}=` }));
    },
  },
  ...(
    [
      ['a flow that does not exist', () => ({ flowId: 'x' })],
      ['a wrong state', () => ({ state: newState() })],
      ['a proof with another key', (nonce: string) => ({ proof: proofOf(newKey(), nonce) })],
      ['a proof of another nonce', (_: string, { key }: Kept) => ({ proof: proofOf(key, 'another') })],
      [
        'the text of the key instead of its bytes',
        (nonce: string, { key }: Kept) => ({
          proof: proofOf(Buffer.from(key).toString('base64url'), nonce),
        }),
      ],
    ] as const
  ).map(([how, change]) => ({
    of: 'resume',
    how,
    answer: 'failed unknown_flow',
    provoke: async (service: Service) => {
      const [peer, nonce] = await connected(service);
      const flow = await begun(peer);
      return answerTo(peer, resuming(flow, nonce, change(nonce, flow)));
    },
  })),
  {
    of: 'resume',
    how: 'a flow that was acknowledged',
    answer: 'failed unknown_flow',
    provoke: async (service) => {
      const [peer, nonce] = await connected(service);
      const flow = await begun(peer);
      await answerTo(peer, { type: 'cancel', flowId: flow.flowId });
      await answerTo(peer, { type: 'ack', flowIds: [flow.flowId] });
      return answerTo(peer, resuming(flow, nonce));
    },
  },
  { of: 'resume', how: 'no store', answer: 'close 1011', provoke: saysAway(resuming) },
  { of: 'ack', how: 'no id', answer: 'close 1008', provoke: says({ type: 'ack', flowIds: [] }) },
  { of: 'ack', how: '201 ids', answer: 'close 1008', provoke: says({ type: 'ack', flowIds: ids(201) }) },
  { of: 'ack', how: 'a bad id', answer: 'close 1008', provoke: says({ type: 'ack', flowIds: ['a b'] }) },
  {
    of: 'ack',
    how: 'no store',
    answer: 'close 1011',
    provoke: saysAway(({ flowId }) => ({ type: 'ack', flowIds: [flowId] })),
  },
  { of: 'cancel', how: 'a bad id', answer: 'close 1008', provoke: says({ type: 'cancel', flowId: '' }) },
  {
    of: 'cancel',
    how: 'no store',
    answer: 'close 1011',
    provoke: saysAway(({ flowId }) => ({ type: 'cancel', flowId })),
  },
  ...[{}, { status: 'done' }, { status: 'failure' }, { status: 'redirect', message: 'm' }].map((outcome) => ({
    of: 'settle',
    how: `the outcome ${JSON.stringify(outcome)}`,
    answer: 'close 1008',
    provoke: says({ type: 'settle', flowId: 'x', outcome }),
  })),
  {
    of: 'settle',
    how: 'no store',
    answer: 'close 1011',
    provoke: saysAway(({ flowId }) => ({ type: 'settle', flowId, outcome: { status: 'success' } })),
  },
  { of: 'start', how: 'no url', answer: 'close 1008', provoke: says({ type: 'start', ref: 3, flowId: 'x' }) },
  {
    of: 'start',
    how: 'a url that is none',
    answer: 'failed invalid_option',
    provoke: inBound('cookie', (flowId) => ({ type: 'start', ref: 3, flowId, url: 'javascript:x' })),
  },
  {
    of: 'start',
    how: 'a flow with another binding',
    answer: 'failed invalid_option',
    provoke: inBound('code', (flowId) => ({ type: 'start', ref: 3, flowId, url: 'https://as.example' })),
  },
  {
    of: 'start',
    how: 'a flow of another connection',
    answer: 'failed unknown_flow',
    provoke: says({ type: 'start', ref: 3, flowId: 'x', url: 'https://as.example' }),
  },
  {
    of: 'start',
    how: 'no store',
    answer: 'failed unavailable',
    provoke: inBound(
      'cookie',
      (flowId) => ({ type: 'start', ref: 3, flowId, url: 'https://as.example' }),
      away,
    ),
  },
  {
    of: 'confirm',
    how: 'no code',
    answer: 'close 1008',
    provoke: says({ type: 'confirm', ref: 3, flowId: 'x' }),
  },
  {
    of: 'confirm',
    how: 'a code that no page shows',
    answer: 'failed wrong_code',
    provoke: inBound('code', (flowId) => ({ type: 'confirm', ref: 3, flowId, code: 'BCDF-GHJK' })),
  },
  {
    of: 'confirm',
    how: 'a flow of another connection',
    answer: 'failed unknown_flow',
    provoke: says({ type: 'confirm', ref: 3, flowId: 'x', code: 'BCDF-GHJK' }),
  },
  {
    of: 'confirm',
    how: 'no store',
    answer: 'failed unavailable',
    provoke: inBound('code', (flowId) => ({ type: 'confirm', ref: 3, flowId, code: 'BCDF-GHJK' }), away),
  },
  { of: 'leave', how: 'a monitor', answer: 'close 1008', provoke: says({ type: 'leave' }, monitor) },
  { of: 'leave', how: 'no store', answer: 'close 1011', provoke: saysAway(() => ({ type: 'leave' })) },
  { of: 'watch', how: 'a listener', answer: 'close 1008', provoke: says({ type: 'watch' }) },
  {
    of: 'watch',
    how: 'since -1',
    answer: 'close 1008',
    provoke: says({ type: 'watch', since: -1 }, monitor),
  },
  {
    of: 'ping',
    how: 'more than the limit',
    answer: 'close 4429',
    options: { limits: { burst: 10, perSecond: 1 } },
    provoke: async (service) => {
      const [peer] = await connected(service);
      // A fifth more than `welcome` announces is tolerated.
      for (let n = 0; n < 13; n++) peer.say({ type: 'ping' });
      return `close ${await peer.closed()}`;
    },
  },
  {
    of: 'event',
    how: 'a monitor that answers no ping',
    answer: 'close 1013',
    options: { limits: { events: 10 } },
    provoke: async (service) => {
      const [peer] = await connected(service, { ...monitor, autoPong: false });
      peer.say({ type: 'watch' });
      await peer.next('pending');
      for (let n = 0; n < 50; n++) (await service.server.begin()).cancel();
      return `close ${await peer.closed()}`;
    },
  },
];

for (const { of, how, answer, provoke, options, serverOptions } of breaches) {
  test(`K-04 answers ${of}, broken by ${how}, with ${answer}`, () =>
    withService(
      async (service) => {
        assert.is(await provoke(service), answer);
      },
      options,
      serverOptions,
    ));
}

test('provokes each answer that PROTOCOL.md has, and has each that it provokes', () => {
  const documented = (['service', 'client'] as const).flatMap((direction) =>
    sectionsOf(protocolPage, direction).flatMap(({ type, text }) =>
      tablesIn(text)
        .filter(({ columns }) => columns[0] === 'Broken by')
        .flatMap(({ rows }) => rows.map(([, answer]) => `${type}: ${plain(answer)}`)),
    ),
  );
  const provoked = breaches.map(({ of, answer }) => `${of}: ${answer}`);
  assert.equal([...new Set(documented)].sort(), [...new Set(provoked)].sort());
  const of = sectionsOf(protocolPage, 'service').map(({ type }) => type);
  assert.equal(
    of.filter((type) => !provoked.some((each) => each.startsWith(`${type}: `))),
    [],
  );
});

/** Values of members of `begin` at the bounds that PROTOCOL.md tells. */
const atBounds: Readonly<
  Record<string, { says: string; good: readonly unknown[]; bad: readonly unknown[] }>
> = {
  state: {
    says: '22 to 512 printable ASCII characters, at least 4 of them different',
    good: ['abcdefgh'.repeat(3).slice(0, 22), 'abcdefgh'.repeat(64), ' ~abcdef'.repeat(3), '0123'.repeat(6)],
    bad: ['abcdefgh'.repeat(3).slice(0, 21), 'abcdefgh'.repeat(65), 'é'.repeat(30), 'abc'.repeat(10)],
  },
  ttl: { says: 'whole, 1 to 86,400,000', good: [1, 86_400_000], bad: [0, 86_400_001, 1.5, -1] },
  issuer: {
    says: "at most 2,048 characters; one of the service's issuers, if it has a list",
    good: ['https://as.example', 'x'.repeat(2_048)],
    bad: ['x'.repeat(2_049)],
  },
  context: {
    says: '1 to 128 letters, digits, `.`, `_`, `-`; neither `.` nor `..`',
    good: ['a', 'a.B_9-', '...', 'x'.repeat(128)],
    bad: ['', '.', '..', 'a/b', 'x'.repeat(129)],
  },
  key: { says: '', good: [newKey()], bad: ['x'.repeat(42), `${newKey()}=`, 'é'.repeat(43)] },
  issuerAdvertised: { says: '`true` needs an issuer', good: [false], bad: [true] },
  requireIssuer: { says: '`true` needs an issuer', good: [false], bad: [true] },
  unadvertisedIssuer: { says: 'needs an issuer', good: [], bad: ['compare', 'discard', 'other'] },
  responseMode: { says: '', good: ['query', 'form_post'], bad: ['fragment'] },
};

for (const [member, { says: words, good, bad }] of Object.entries(atBounds)) {
  test(`K-04 takes ${member} of begin within the bound that PROTOCOL.md tells, and rejects others by its name`, () =>
    withService(async (service) => {
      const [section] = sectionsOf(protocolPage, 'service');
      const row = tableWith(section!.text, 'Member').rows.find(
        ([name]) => plain(name).replace('?', '') === member,
      );
      assert.is(row?.[2], words);
      const [peer] = await connected(service);
      const answer = async (value: unknown): Promise<ServiceMessage | undefined> => {
        await answerTo(peer, beginning({ [member]: value }));
        // A flow of 1 ms has its result meanwhile.
        return peer.heard.find((message) => 'ref' in message);
      };
      for (const value of good) assert.is((await answer(value))?.type, 'begun', String(value));
      for (const value of bad) {
        const failed = (await answer(value)) as Extract<ServiceMessage, { type: 'failed' }>;
        assert.equal([failed.code, failed.option], ['invalid_option', member], String(value));
      }
    }));
}

test('asyncapi.json has the same bounds', () => {
  for (const [member, bound] of Object.entries(published['begin']!)) {
    const { good, bad } = atBounds[member]!;
    const {
      pattern,
      minimum = -Infinity,
      maximum = Infinity,
      maxLength,
    } = bound as Record<'pattern', string | undefined> &
      Record<'minimum' | 'maximum' | 'maxLength', number | undefined>;
    const within = (value: unknown): boolean =>
      maxLength !== undefined
        ? String(value).length <= maxLength
        : pattern === undefined
          ? Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
          : new RegExp(pattern).test(String(value));
    assert.equal(
      good.map(within),
      good.map(() => true),
      member,
    );
    // JSON Schema cannot count different characters.
    const sayable = bad.filter((value) => value !== 'abc'.repeat(10));
    assert.equal(
      sayable.map(within),
      sayable.map(() => false),
      member,
    );
  }
});

/** Handshakes by the status that they get. */
const handshakes: Readonly<Record<number, readonly (Change & { target?: string; method?: string })[]>> = {
  400: [
    { 'Sec-WebSocket-Key': 'short' },
    { 'Sec-WebSocket-Protocol': null },
    { 'Sec-WebSocket-Protocol': 'rx-oauth-callback.v2' },
  ],
  401: [
    { Authorization: null },
    { Authorization: 'Bearer a-token-that-nobody-has' },
    { target: '/bridge?token=the-token-of-a-listener' },
  ],
  403: [{ Host: 'evil.example' }, { Origin: 'https://evil.example' }],
  404: [{ target: '/other' }],
  405: [{ method: 'POST' }],
  426: [
    { 'Sec-WebSocket-Version': '12' },
    { Upgrade: 'h2c' },
    { Upgrade: null },
    { Connection: 'keep-alive' },
    { Upgrade: null, Connection: null },
  ],
};

test('answers each handshake with the status that PROTOCOL.md has, and v1 among others with 101', () =>
  withService(async ({ port }) => {
    const authorization = `Bearer ${listener.bearer}`;
    for (const [status, changes] of Object.entries(handshakes)) {
      for (const { target, method, ...change } of changes) {
        const answer = await shake(port, { Authorization: authorization, ...change }, target, method);
        assert.is(answer.status, Number(status), JSON.stringify({ target, method, ...change }));
      }
    }
    const offered = 'rx-oauth-callback.v2, rx-oauth-callback.v1, x';
    const good = await shake(port, { Authorization: authorization, 'Sec-WebSocket-Protocol': offered });
    assert.equal([good.status, good.headers['sec-websocket-protocol']], [101, 'rx-oauth-callback.v1']);
    assert.is(good.headers['sec-websocket-extensions'], undefined);
    assert.is((await send(port, { target: '/bridge' })).status, 404);
    const documented = tableWith(under(protocolPage, 'Handshake'), 'Status').rows.map(([status]) =>
      Number(status),
    );
    // 429 and 503 are those of connections.spec.ts.
    assert.equal(documented, [...Object.keys(handshakes).map(Number), 429, 503]);
  }));

test('answers 404 once the bridge is closed, on the port of its server', () =>
  withService(async ({ port, bridge }) => {
    await bridge.close();
    assert.is((await shake(port, { Authorization: `Bearer ${listener.bearer}` })).status, 404);
  }));

test('W6 B19 while it drains, rejects handshakes with 503 and begin with closed, and goes on with what was begun', () =>
  withService(async (service) => {
    const { bridge, port, server } = service;
    const [peer] = await connected(service);
    const flow = await begun(peer);
    await bridge.drain();
    const authorization = { Authorization: `Bearer ${listener.bearer}` };
    const rejected = await shake(port, authorization);
    assert.equal([rejected.status, rejected.headers['retry-after']], [503, '5']);
    assert.is(await answerTo(peer, beginning()), 'failed closed');
    assert.is(server.pending, 1);
    await service.visit(`/callback?code=c&state=${flow.state}`);
    assert.is((await peer.next('result')).flowId, flow.flowId);
    assert.is(await answerTo(peer, { type: 'ack', flowIds: [flow.flowId] }), 'acknowledged');
    // A second drain changes nothing, and `listen` ends it.
    await bridge.drain();
    await bridge.listen();
    assert.is(await answerTo(peer, beginning()), 'begun');
    assert.is((await shake(port, authorization)).status, 101);
    await bridge.drain({ restart: true });
    assert.is(await peer.closed(), 1012);
    assert.is((await shake(port, authorization)).status, 503);
  }));

test('W6 rejects handshakes with 503 until the server has closed', () =>
  withService(async (service) => {
    const { port, server } = service;
    const [peer] = await connected(service);
    // Does not answer the close, which is waited for.
    peer.socket.pause();
    const closing = server.close();
    assert.is((await shake(port, { Authorization: `Bearer ${listener.bearer}` })).status, 503);
    peer.socket.resume();
    await closing;
  }));

test('J-06 uses a ticket up with another listed Origin or none, and not with an unlisted one or without the subprotocol', () =>
  withService(async ({ port, bridge }) => {
    const after = async (change: (ticket: string) => Change): Promise<[number, number]> => {
      const ticket = bridge.issueTicket({ origin });
      const { status } = await shake(port, change(ticket));
      return [status, (await shake(port, withTicket(ticket, origin))).status];
    };
    assert.equal(await after((ticket) => withTicket(ticket, origin)), [101, 401]);
    assert.equal(await after((ticket) => withTicket(ticket, 'https://other.example')), [403, 401]);
    assert.equal(await after((ticket) => withTicket(ticket, null)), [403, 401]);
    assert.equal(await after((ticket) => withTicket(ticket, 'https://evil.example')), [403, 101]);
    const without = (ticket: string): Change => ({
      ...withTicket(ticket, origin),
      'Sec-WebSocket-Protocol': `ticket.${ticket}`,
    });
    assert.equal(await after(without), [400, 101]);
  }));

test('J-06 a ticket for some flows resumes these and no others, and 1000 follows the last acknowledgement', () =>
  withService(async (service) => {
    const [program] = await connected(service);
    const [mine, other] = [await begun(program), await begun(program)];
    const ticket = service.bridge.issueTicket({ origin, flows: [mine.flowId] });
    const [page, nonce] = await connected(service, { ticket, origin });
    assert.is(await answerTo(page, resuming(other, nonce)), 'failed unknown_flow');
    assert.is(await answerTo(page, resuming(mine, nonce)), 'resumed');
    assert.is(await answerTo(page, { type: 'cancel', flowId: mine.flowId }), 'result');
    page.say({ type: 'ack', flowIds: [mine.flowId] });
    await page.next('acknowledged');
    assert.is(await page.closed(), 1000);
  }));

test('K-05 takes a message of 16,384 bytes, and closes with 1009 after one more', () =>
  withService(async (service) => {
    const message = (bytes: number): object => {
      const rest = { type: 'ping', pad: '' };
      return { ...rest, pad: 'x'.repeat(bytes - JSON.stringify(rest).length) };
    };
    const [peer] = await connected(service);
    peer.say(message(16_384));
    await peer.next('pong');
    peer.say(message(16_385));
    assert.is(await peer.closed(), 1009);
  }));

test('K-08 takes 10 WebSocket pongs at once that answer no ping, and closes with 4429 after one more', () =>
  withService(async (service) => {
    const [peer] = await connected(service);
    for (let n = 0; n < 10; n++) peer.socket.pong();
    await peer.heardAll();
    peer.socket.pong();
    assert.is(await peer.closed(), 4429);
  }));

test('K-05 takes a message of 1,024 fragments, and closes with 1008 after one more', () =>
  withService(async (service) => {
    const [peer] = await connected(service);
    const fragments = (count: number): void => {
      peer.socket.send('{"type":"ping"', { fin: false });
      for (let n = 0; n < count - 2; n++) peer.socket.send('', { fin: false });
      peer.socket.send('}', { fin: true });
    };
    fragments(1_024);
    await peer.next('pong');
    fragments(1_025);
    assert.is(await peer.closed(), 1008);
  }));

test('W11 closes with 1008 and the member that is wrong, or the role that is missing', () =>
  withService(async (service) => {
    const reasonOf = async (message: object, credential?: Credential): Promise<string> => {
      const [peer] = await connected(service, credential);
      const closed = new Promise<string>((resolve) =>
        peer.socket.once('close', (code, reason) => resolve(`${code} ${String(reason)}`)),
      );
      peer.say(message);
      return assert.deadline(closed, 'a close');
    };
    const proof = `${'x'.repeat(43)}=`;
    assert.is(
      await reasonOf({ type: 'resume', ref: 1, flowId: 'f', state: 's', proof }),
      '1008 resume.proof must be 43 letters, digits, "_" and "-", without padding',
    );
    assert.is(await reasonOf({ type: 'watch' }), '1008 watch needs the role monitor');
    assert.is(await reasonOf({ type: 'leave' }, monitor), '1008 this message needs the role listener');
  }));

test('K-08 takes 10 WebSocket pings at once, and closes with 4429 after one more', () =>
  withService(async (service) => {
    const [peer] = await connected(service);
    for (let n = 0; n < 10; n++) peer.socket.ping();
    await peer.heardAll();
    peer.socket.ping();
    assert.is(await peer.closed(), 4429);
  }));

test('a begin sent again is answered like the first, by any connection and token, which becomes the listener', () =>
  withService(
    async (service) => {
      const [first] = await connected(service);
      const { flowId, state, key } = await begun(first);
      assert.is(await answerTo(first, beginning({ state, key })), 'begun');
      const [second] = await connected(service, { bearer: 'the-token-of-another-program' });
      assert.is(await answerTo(second, beginning({ state, key, ttl: 0 })), 'failed invalid_option');
      assert.is(await answerTo(second, beginning({ state, key, ttl: 5, context: 'other' })), 'begun');
      const [answer] = second.heard as [Extract<ServiceMessage, { type: 'begun' }>];
      assert.equal([answer.flowId, answer.redirectUri], [flowId, service.server.redirectUri]);
      assert.is((await first.next('lost')).reason, 'taken_over');
      await service.visit(`/callback?code=c&state=${state}`);
      await second.next('result');
      assert.is(await answerTo(second, beginning({ state, key })), 'begun, result');
      await answerTo(second, { type: 'ack', flowIds: [flowId] });
      assert.is(await answerTo(second, beginning({ state, key })), 'failed state_in_use');
    },
    { tokens: [...tokens, { name: 'other', token: 'the-token-of-another-program', roles: ['listener'] }] },
  ));

test('ack has no answer if it forgets nothing, and repeats an id as often as it was given', () =>
  withService(async (service) => {
    const [peer] = await connected(service);
    const { flowId } = await begun(peer);
    assert.is(await answerTo(peer, { type: 'ack', flowIds: [flowId, 'x'] }), 'nothing');
    assert.is(await answerTo(peer, { type: 'cancel', flowId }), 'result');
    assert.is(await answerTo(peer, { type: 'cancel', flowId }), 'nothing');
    assert.is(await answerTo(peer, { type: 'ack', flowIds: [flowId, 'x', flowId] }), 'acknowledged');
    assert.equal(peer.heard, [{ type: 'acknowledged', flowIds: [flowId, flowId] }]);
    const [other] = await connected(service);
    assert.is(await answerTo(other, { type: 'ack', flowIds: [flowId] }), 'nothing');
  }));

test('resumed and begun come before the result', () =>
  withService(async (service) => {
    const [first] = await connected(service);
    const flow = await begun(first);
    await answerTo(first, { type: 'cancel', flowId: flow.flowId });
    first.end();
    const [second, nonce] = await connected(service);
    assert.is(await answerTo(second, resuming(flow, nonce)), 'resumed, result');
  }));

test('B1 no flow lives longer than the flowTtl of the service, whatever its ttl', () => {
  const { store, advance } = timed();
  return withService(
    async (service) => {
      const [peer] = await connected(service);
      for (const [ttl, expiresAt] of [
        [86_400_000, 5_000],
        [5_001, 5_000],
        [4_999, 4_999],
      ]) {
        peer.say(beginning({ ttl }));
        assert.is((await peer.next('begun')).expiresAt, expiresAt, String(ttl));
      }
      advance(5_000);
      for (let n = 0; n < 3; n++) assert.is((await peer.next('result')).result.type, 'expired');
    },
    { store },
    { flowTtl: 5_000 },
  );
});

test('B2 a name that has half of all flows begins no more, until it has acknowledged some; another name goes on', () =>
  withService(
    async (service) => {
      const [greedy] = await connected(service);
      const flows = [await begun(greedy), await begun(greedy)];
      // On another connection, too, and after they have ended.
      const [again, nonce] = await connected(service);
      assert.is(await answerTo(again, beginning()), 'failed too_many_flows');
      assert.is(await answerTo(again, resuming(flows[0]!, nonce)), 'resumed');
      assert.is(await answerTo(again, { type: 'cancel', flowId: flows[0]!.flowId }), 'result');
      assert.is(await answerTo(again, beginning()), 'failed too_many_flows');
      const [other] = await connected(service, { bearer: 'the-token-of-another-program' });
      assert.is(await answerTo(other, beginning()), 'begun');
      assert.is(await answerTo(again, { type: 'ack', flowIds: [flows[0]!.flowId] }), 'acknowledged');
      assert.is(await answerTo(again, beginning()), 'begun');
      assert.is(await answerTo(again, beginning(flows[1])), 'begun');
    },
    {
      tokens: [...tokens, { name: 'other', token: 'the-token-of-another-program', roles: ['listener'] }],
      origins: [],
    },
    { maxFlows: 4 },
  ));

test('B2 the only name that may begin flows has all of them', () =>
  withService(
    async (service) => {
      const [peer] = await connected(service, {});
      for (let n = 0; n < 4; n++) assert.is(await answerTo(peer, beginning()), 'begun');
      assert.is(await answerTo(peer, beginning()), 'failed too_many_flows');
    },
    { tokens: [], origins: [] },
    { maxFlows: 4 },
  ));

test('W2 lost ends one flow of a connection, and the others go on there', () =>
  withService(async (service) => {
    const [first] = await connected(service);
    const [taken, left] = [await begun(first), await begun(first)];
    const [second, nonce] = await connected(service);
    assert.is(await answerTo(second, resuming(taken, nonce)), 'resumed');
    assert.equal(await first.next('lost'), { type: 'lost', flowId: taken.flowId, reason: 'taken_over' });
    assert.is(await answerTo(first, { type: 'cancel', flowId: taken.flowId }), 'nothing');
    assert.is(await answerTo(first, { type: 'cancel', flowId: left.flowId }), 'result');
    await second.heardAll();
    assert.equal(
      second.heard.filter(({ type }) => type !== 'resumed'),
      [],
    );
  }));

test('W4 a connection that has had the result gets no lost, and may still acknowledge', () =>
  withService(async (service) => {
    const [first] = await connected(service);
    const flow = await begun(first);
    assert.is(await answerTo(first, { type: 'cancel', flowId: flow.flowId }), 'result');
    const [second, nonce] = await connected(service);
    assert.is(await answerTo(second, resuming(flow, nonce)), 'resumed, result');
    for (const peer of [second, first])
      assert.is(await answerTo(peer, { type: 'ack', flowIds: [flow.flowId] }), 'acknowledged');
  }));

test('leave ends the flows of its connection, and those that it has just asked for', () =>
  withService(async (service) => {
    const [peer] = await connected(service);
    const kept = await begun(peer);
    peer.say(beginning({ ref: 2 }));
    peer.say({ type: 'leave' });
    assert.is(await peer.closed(), 1000);
    assert.is(service.server.pending, 0);
    const [other, nonce] = await connected(service);
    assert.is(await answerTo(other, resuming(kept, nonce)), 'failed unknown_flow');
  }));

/** The page that waits, once it is whole. */
async function settled(
  service: Service,
  body: (peer: Peer, flow: Kept, redirect: () => void) => Promise<void>,
): Promise<string> {
  const [peer] = await connected(service);
  const flow = await begun(peer);
  let page: ReturnType<Bridged['visit']> | undefined;
  await body(peer, flow, () => {
    page = service.visit(`/callback?code=c&state=${flow.state}`);
  });
  return (await page)?.body ?? '';
}

const failure = (flowId: string, message: string): object => ({
  type: 'settle',
  flowId,
  outcome: { status: 'failure', message },
});

test('a page shows what settle says after the result, before ack or after it; the first one counts', () =>
  withService(
    async (service) => {
      for (const acknowledges of [false, true]) {
        const body = await settled(service, async (peer, { flowId }, redirect) => {
          redirect();
          await peer.next('result');
          if (acknowledges) await answerTo(peer, { type: 'ack', flowIds: [flowId] });
          assert.is(await answerTo(peer, failure(flowId, 'FIRST')), 'nothing');
          peer.say(failure(flowId, 'SECOND'));
        });
        assert.match(body, 'FIRST');
      }
    },
    {},
    { settle: 5_000 },
  ));

test('W10 a settle before the redirect is ignored, and leaves the outcome to the one after the result', () =>
  withService(
    async (service) => {
      const body = await settled(service, async (peer, { flowId }, redirect) => {
        await answerTo(peer, failure(flowId, 'SOON'));
        redirect();
        await peer.next('result');
        await answerTo(peer, failure(flowId, 'THEN'));
      });
      assert.match(body, 'THEN');
    },
    {},
    { settle: 5_000 },
  ));

const proving = ({ flowId, state, key }: Kept, nonce: string, message: string): object => ({
  ...failure(flowId, message),
  state,
  proof: proofOf(key, nonce),
});

test('W10 a settle after ack is heard on another connection that proves the key', () =>
  withService(
    async (service) => {
      const body = await settled(service, async (peer, flow, redirect) => {
        redirect();
        await peer.next('result');
        await answerTo(peer, { type: 'ack', flowIds: [flow.flowId] });
        peer.end();
        const [other, nonce] = await connected(service);
        assert.is(await answerTo(other, resuming(flow, nonce)), 'failed unknown_flow');
        await answerTo(other, proving({ ...flow, key: newKey() }, nonce, 'BY A STRANGER'));
        await answerTo(other, proving(flow, 'another nonce', 'REPLAYED'));
        await answerTo(other, { ...proving(flow, nonce, 'OF ANOTHER'), state: newState() });
        assert.is(await answerTo(other, proving(flow, nonce, 'SAID')), 'nothing');
        await answerTo(other, proving(flow, nonce, 'AGAIN'));
      });
      assert.match(body, 'SAID');
    },
    {},
    { settle: 5_000 },
  ));

test('W10 a settle with a proof before the redirect does not use up the outcome', () =>
  withService(
    async (service) => {
      const body = await settled(service, async (peer, flow, redirect) => {
        const [other, nonce] = await connected(service);
        await answerTo(other, proving(flow, nonce, 'SOON'));
        redirect();
        await peer.next('result');
        await answerTo(peer, failure(flow.flowId, 'THEN'));
      });
      assert.match(body, 'THEN');
    },
    {},
    { settle: 5_000 },
  ));

const lost: Readonly<
  Record<string, (peer: Peer, flow: Kept, redirect: () => void, service: Service) => Promise<void>>
> = {
  'before the redirect': async (peer, { flowId }, redirect) => {
    await answerTo(peer, failure(flowId, 'SAID'));
    redirect();
    await peer.next('result');
  },
  'after ack on another connection without a proof': async (peer, { flowId }, redirect, service) => {
    redirect();
    await peer.next('result');
    await answerTo(peer, { type: 'ack', flowIds: [flowId] });
    const [other] = await connected(service);
    await answerTo(other, failure(flowId, 'SAID'));
  },
};

for (const [when, say] of Object.entries(lost)) {
  test(`a settle ${when} is lost`, () =>
    withService(
      async (service) => {
        const body = await settled(service, (peer, flow, redirect) => say(peer, flow, redirect, service));
        assert.not.match(body, 'SAID');
        assert.match(body, 'Sign-in received');
      },
      {},
      { settle: 300 },
    ));
}

test('a settle with a url that is not one of finishUrls leaves the flow unsettled', () =>
  withService(
    async (service) => {
      const body = await settled(service, async (peer, { flowId }, redirect) => {
        redirect();
        await peer.next('result');
        peer.say({ type: 'settle', flowId, outcome: { status: 'redirect', url: 'https://evil.example/' } });
        await answerTo(peer, failure(flowId, 'AFTER'));
      });
      assert.match(body, 'AFTER');
    },
    {},
    { settle: 5_000 },
  ));

test('watch begins where PROTOCOL.md says', () =>
  withService(
    async (service) => {
      const [peer] = await connected(service, monitor);
      for (let n = 0; n < 10; n++) await service.server.begin();
      const epoch = await (async (): Promise<string> => {
        peer.say({ type: 'watch' });
        return (await peer.next('watching')).epoch;
      })();
      const first = async (members: object): Promise<[number, number]> => {
        await peer.heardAll();
        peer.heard.length = 0;
        peer.say({ type: 'watch', ...members });
        await peer.heardAll();
        const [watching] = peer.heard as [Extract<ServiceMessage, { type: 'watching' }>];
        return [watching.next, peer.heard.filter(({ type }) => type === 'event').length];
      };
      // 10 events, of which the last 6 are kept.
      assert.equal(await first({}), [10, 0]);
      assert.equal(await first({ since: 7 }), [7, 3]);
      assert.equal(await first({ since: 0 }), [4, 6]);
      assert.equal(await first({ epoch, since: 7 }), [7, 3]);
      assert.equal(await first({ epoch }), [10, 0]);
      assert.equal(await first({ epoch: 'other' }), [4, 6]);
      assert.equal(await first({ epoch: 'other', since: 9 }), [4, 6]);
      assert.equal(await first({ since: 99 }), [10, 0]);
      // The last one counts: each event comes once.
      await service.server.begin();
      await peer.heardAll();
      assert.is(peer.heard.filter(({ type }) => type === 'event').length, 1);
    },
    { limits: { events: 6 } },
  ));

test('counts have each event once, so that their sum is the number of the next one', () =>
  withService(async (service) => {
    const [peer] = await connected(service, monitor);
    const flow = await service.server.begin();
    await service.visit(`/callback?code=c&state=${flow.state}`);
    await service.visit('/callback?state=x');
    peer.say({ type: 'watch' });
    const { counts, reasons, next } = await peer.next('watching');
    assert.equal(
      [counts, reasons],
      [{ begun: 1, accepted: 1, answered: 1, malformed: 1 }, { missing_code: 1 }],
    );
    assert.is(next, 4);
  }));

/** A store of virtual time. */
function timed(): { store: FlowStore; advance: (ms: number) => void } {
  const { scheduler, advance } = virtualTime();
  return { store: memoryStore({ clock: clockFrom(scheduler) }), advance };
}

test('keeps a result until a minute after the time to live', () => {
  const { store, advance } = timed();
  return withService(
    async (service) => {
      const [first] = await connected(service);
      const answered = await begun(first);
      const unanswered = await begun(first);
      await service.visit(`/callback?code=c&state=${answered.state}`);
      await first.next('result');
      first.end();
      const asks = async (flow: Kept): Promise<string> => {
        const [peer, nonce] = await connected(service);
        const answer = await answerTo(peer, resuming(flow, nonce));
        peer.end();
        return answer;
      };
      advance(600_000);
      for (const flow of [answered, unanswered]) assert.is(await asks(flow), 'resumed, result');
      advance(59_999);
      for (const flow of [answered, unanswered]) assert.is(await asks(flow), 'resumed, result');
      advance(1);
      for (const flow of [answered, unanswered]) assert.is(await asks(flow), 'failed unknown_flow');
    },
    { store },
  );
});

test('K-08 welcome has the milliseconds between the pings of the service', () =>
  withService(
    async (service) => {
      const peer = service.open(listener);
      assert.is((await peer.next('welcome')).heartbeat, 50);
      await assert.deadline(new Promise((resolve) => peer.socket.once('ping', resolve)), 'a ping');
    },
    { limits: { heartbeat: 50 } },
  ));

test('welcome has the time of the clock that flows expire by', () => {
  const { store, advance } = timed();
  return withService(
    async (service) => {
      advance(1_234);
      const peer = service.open(listener);
      assert.is((await peer.next('welcome')).now, 1_234);
      peer.say(beginning({ ttl: 1_000 }));
      assert.is((await peer.next('begun')).expiresAt, 2_234);
    },
    { store },
  );
});

test.run();
