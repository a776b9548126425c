import { clockFrom, type Clock } from '../../../src/base/clock.ts';
import { Connection, delayOf, type ConnectionOptions, type Lost } from '../../../src/client/connection.ts';
import type { TransportHandlers } from '../../../src/client/transport.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime, type VirtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

/** A service that does what the spec says, and when. */
class Service {
  readonly time: VirtualTime = virtualTime();
  readonly clock: Clock = clockFrom(this.time.scheduler);
  readonly attempts: { credential: string; handlers: TransportHandlers }[] = [];
  readonly sent: string[] = [];
  readonly lost: Lost[] = [];
  readonly reported: unknown[] = [];
  readonly #Client: typeof Connection;
  closes = 0;

  constructor(Client = Connection) {
    this.#Client = Client;
  }

  connect(options: Partial<ConnectionOptions> = {}): Connection {
    return new this.#Client({
      url: 'ws://127.0.0.1/bridge',
      credential: () => 'c',
      reconnects: true,
      renews: false,
      clock: this.clock,
      report: (error) => this.reported.push(error),
      open: (_url, credential, handlers) => {
        this.attempts.push({ credential, handlers });
        return { send: (text) => this.sent.push(text), close: () => (this.closes += 1) };
      },
      onWelcome: () => undefined,
      onMessage: () => undefined,
      onLost: ({ code, status }) => this.lost.push({ code, status }),
      ...options,
    });
  }

  get last(): TransportHandlers {
    return this.attempts.at(-1)!.handlers;
  }

  welcome({ burst = 20, perSecond = 10, heartbeat = undefined as number | undefined } = {}): void {
    const message = {
      type: 'welcome',
      roles: ['listener'],
      nonce: 'n',
      epoch: 'e',
      redirectUri: 'r',
      now: 0,
    };
    this.last.message(JSON.stringify({ ...message, burst, perSecond, heartbeat }));
  }

  /** Lets time pass, and whatever waits for a credential get it. */
  async pass(ms: number): Promise<void> {
    this.time.advance(ms);
    await new Promise(setImmediate);
  }

  /** Lets time pass until the next attempt, for a minute at most. Returns how many seconds passed. */
  async nextAttempt(): Promise<number> {
    const { length } = this.attempts;
    let seconds = 0;
    while (this.attempts.length === length && seconds < 400) {
      await this.pass(1_000);
      seconds++;
    }
    assert.is(this.attempts.length, length + 1, 'the next attempt');
    return seconds;
  }
}

async function connected(
  options?: Partial<ConnectionOptions>,
  Client?: typeof Connection,
): Promise<[Service, Connection]> {
  const service = new Service(Client);
  const connection = service.connect(options);
  await service.pass(0);
  service.welcome();
  return [service, connection];
}

const test = suite('connection of the client');

test('K-16 waits a random time of up to 5 s, then twice as long each time up to a minute', () => {
  for (const [attempt, least, most] of [
    [0, 0, 5_000],
    [1, 5_000, 10_000],
    [2, 10_000, 20_000],
    [3, 20_000, 40_000],
    [4, 30_000, 60_000],
    [50, 30_000, 60_000],
  ] as const) {
    const delays = Array.from({ length: 1_000 }, () => delayOf(attempt));
    assert.ok(Math.min(...delays) >= least && Math.max(...delays) <= most, `attempt ${attempt}`);
    // 1,000 clients of one service do not come back together.
    const early = delays.filter((delay) => delay < (least + most) / 2).length;
    assert.ok(early > 350 && early < 650, `${early} of 1,000 in the first half of attempt ${attempt}`);
  }
});

test('K-16 reconnects after a break, and waits longer each time it is rejected', async () => {
  const [service] = await connected();
  service.last.closed(1006);
  assert.ok((await service.nextAttempt()) <= 5);
  service.last.closed(1006, 404);
  const second = await service.nextAttempt();
  service.last.closed(1006, 404);
  const third = await service.nextAttempt();
  assert.ok(second >= 5 && second <= 10, `${second} s`);
  assert.ok(third >= 10 && third <= 20, `${third} s`);
  assert.equal(service.lost, []);
});

test('K-16 waits as long as the service asks, within a bound', async () => {
  for (const [asked, least, most] of [
    [30, 30, 37],
    [86_400, 300, 361],
    // None at all, and none that is a number of seconds.
    [-1, 0, 6],
    [undefined, 0, 6],
  ] as const) {
    const [service] = await connected();
    service.last.closed(1006, 503, undefined, asked);
    const waited = await service.nextAttempt();
    assert.ok(waited >= least && waited <= most, `${waited} s for ${asked}`);
  }
});

for (const code of [1000, 1003, 1007, 1008, 1009, 4401]) {
  test(`K-16 does not reconnect after ${code}`, async () => {
    const [service] = await connected();
    service.last.closed(code);
    await service.pass(3_600_000);
    assert.equal([service.attempts.length, service.lost], [1, [{ code, status: undefined }]]);
  });
}

test('K-16 reconnects after 4401 if there may be another credential', async () => {
  const [service] = await connected({ renews: true });
  service.last.closed(4401);
  await service.pass(5_000);
  assert.is(service.attempts.length, 2);
  assert.equal(service.lost, []);
});

/** Answers of a proxy that restarts, and what it does to frames. */
const rejections: readonly (readonly [what: string, code: number, status?: number])[] = [
  ...[400, 401, 403, 405, 426].map((status) => [`a handshake answered ${status}`, 1006, status] as const),
  ['1002', 1002],
];

for (const [what, ...rejection] of rejections) {
  test(`K-16 reconnects after ${what}, and ends with the fifth in a row`, async () => {
    const [service] = await connected();
    service.last.closed(1012);
    for (let count = 1; count <= 5; count++) {
      await service.nextAttempt();
      assert.equal(service.lost, [], `after ${count - 1}`);
      service.last.closed(...rejection);
    }
    await service.pass(3_600_000);
    const [code, status] = rejection;
    assert.equal([service.attempts.length, service.lost], [6, [{ code, status }]]);
  });

  test(`K-16 counts ${what} anew after another failure, and after a connection that lasts`, async () => {
    const [service] = await connected();
    service.last.closed(1012);
    const rejected = async (times: number): Promise<void> => {
      for (let count = 0; count < times; count++) {
        await service.nextAttempt();
        service.last.closed(...rejection);
      }
    };
    await rejected(4);
    await service.nextAttempt();
    service.last.closed(1006);
    await rejected(4);
    await service.nextAttempt();
    service.welcome();
    await service.pass(5_000);
    service.last.closed(1012);
    await rejected(4);
    await service.nextAttempt();
    assert.equal(service.lost, []);
  });
}

test('K-16 ends with the first answer if the service has never been reached', async () => {
  const service = new Service();
  service.connect();
  await service.pass(0);
  service.last.closed(1006, 401);
  await service.pass(3_600_000);
  assert.equal([service.attempts.length, service.lost], [1, [{ code: 1006, status: 401 }]]);
});

test('K-16 takes a restart for no failure, however short the connection was', async () => {
  const [service] = await connected();
  for (let count = 0; count < 10; count++) {
    service.last.closed(1012);
    assert.ok((await service.nextAttempt()) <= 5, `after ${count} restarts`);
    service.welcome();
  }
  // The control: any other end is one.
  for (let count = 0; count < 4; count++) {
    service.last.closed(1006);
    await service.nextAttempt();
    service.welcome();
  }
  service.last.closed(1006);
  assert.ok((await service.nextAttempt()) >= 30);
});

test('K-16 does not retry a first attempt, nor use a ticket twice', async () => {
  const first = new Service();
  first.connect();
  await first.pass(0);
  first.last.closed(1006);
  await first.pass(3_600_000);
  assert.equal([first.attempts.length, first.lost.length], [1, 1]);
  const [single] = await connected({ reconnects: false });
  single.last.closed(1012);
  await single.pass(3_600_000);
  assert.equal([single.attempts.length, single.lost.length], [1, 1]);
});

test('asks for a credential for each attempt, and counts an attempt without one as failed', async () => {
  let asked = 0;
  const credential = (): Promise<string> =>
    ++asked === 2 ? Promise.reject(new Error('no ticket')) : Promise.resolve(`ticket-${asked}`);
  const [service] = await connected({ credential });
  service.last.closed(1012);
  await service.pass(5_000);
  assert.is(service.attempts.length, 1);
  await service.pass(10_000);
  assert.equal(
    service.attempts.map((attempt) => attempt.credential),
    ['ticket-1', 'ticket-3'],
  );
});

test('gives up an attempt whose credential does not come in time, and does not use it later', async () => {
  const late: ((credential: string) => void)[] = [];
  let asked = 0;
  const credential = (): string | Promise<string> =>
    ++asked === 2 ? new Promise((resolve) => late.push(resolve)) : `ticket-${asked}`;
  const [service] = await connected({ credential });
  service.last.closed(1012);
  await service.pass(5_000);
  assert.is(asked, 2);
  await service.pass(10_000);
  await service.pass(10_000);
  assert.is(asked, 3);
  service.welcome();
  late[0]!('ticket-2');
  await service.pass(0);
  assert.equal(
    service.attempts.map((attempt) => attempt.credential),
    ['ticket-1', 'ticket-3'],
  );
  assert.equal(service.lost, []);
});

for (const [what, heartbeat, silence, last] of [
  ['30 s if the service does not say', undefined, 35_000, 30_000],
  ['the heartbeat of the service', 8_000, 12_000, 8_000],
] as const) {
  test(`pings a service that is silent for ${what}, and gives it up after as long again`, async () => {
    const service = new Service();
    service.connect();
    await service.pass(0);
    service.welcome({ heartbeat });
    await service.pass(silence - 1);
    assert.equal(service.sent, []);
    await service.pass(1);
    assert.equal(service.sent, ['{"type":"ping"}']);
    await service.pass(last - 1);
    service.last.message('{"type":"pong"}');
    await service.pass(silence - 1);
    service.last.alive();
    await service.pass(silence + last - 1);
    assert.equal([service.sent.length, service.closes], [2, 0]);
    await service.pass(1);
    assert.is(service.closes, 1);
    await service.pass(5_000);
    assert.is(service.attempts.length, 2);
  });
}

test('pings no service that pings in time', async () => {
  const [service] = await connected();
  for (let count = 0; count < 20; count++) {
    await service.pass(30_000);
    service.last.alive();
  }
  assert.equal([service.sent, service.closes], [[], 0]);
});

test('asks a service before it gives it up, if its own timer was held up', async () => {
  const service = new Service();
  let slept = 0;
  service.connect({ clock: { ...service.clock, now: () => service.clock.now() + slept } });
  await service.pass(0);
  service.welcome();
  slept = 3_600_000;
  await service.pass(35_000);
  assert.equal([service.sent, service.closes], [['{"type":"ping"}'], 0]);
  await service.pass(29_999);
  assert.is(service.closes, 0);
  await service.pass(1);
  assert.is(service.closes, 1);
});

test('gives up an attempt that is not answered within 10 s', async () => {
  const service = new Service();
  service.connect();
  await service.pass(0);
  await service.pass(10_000);
  assert.equal([service.closes, service.lost], [1, [{ code: 1006, status: undefined }]]);
});

test('sends at most half the burst and nine tenths of the rate that the service announces', async () => {
  const [service, connection] = await connected();
  for (let ref = 0; ref < 200; ref++)
    connection.send({ type: 'settle', flowId: String(ref), outcome: { status: 'success' } });
  assert.is(service.sent.length, 10);
  await service.pass(10_000);
  assert.is(service.sent.length, 98);
  void connection.close({ type: 'leave' });
  assert.equal([service.sent.length, service.sent.at(-1)], [99, '{"type":"leave"}']);
});

test('sends what can wait after what cannot', async () => {
  const [service, connection] = await connected();
  const ids = (type: string): string[] =>
    service.sent
      .filter((text) => text.includes(type))
      .map((text) => /"flowId":"(.*?)"/.exec(text)?.[1] ?? '');
  for (const letter of 'abcdefghijkl')
    connection.sendBehind({ type: 'resume', ref: 0, flowId: letter, state: 's', proof: 'p' });
  connection.send({ type: 'cancel', flowId: 'now' });
  await service.pass(250);
  assert.equal([ids('cancel'), ids('resume').length], [['now'], 11]);
  await service.pass(250);
  assert.equal(ids('resume').join(''), 'abcdefghijkl');
});

test('reports an invalid message, and goes on', async () => {
  const heard: unknown[] = [];
  const [service] = await connected({
    onMessage: (message) => {
      if (message.type === 'begun') throw new TypeError('no such flow');
      heard.push(message);
    },
  });
  for (const text of ['{', 'null', '{"type":"begun"}', '{"type":"pong"}']) service.last.message(text);
  assert.is(service.reported.length, 3);
  assert.equal(heard, [{ type: 'pong' }]);
});

test('leaves no timer behind when it is closed, and hears nothing more', async () => {
  const [service, connection] = await connected();
  const closed = connection.close({ type: 'leave' });
  service.last.message('{"type":"pong"}');
  service.last.closed(1000);
  await assert.deadline(closed, 'close()');
  await service.pass(3_600_000);
  assert.equal([service.attempts.length, service.lost], [1, []]);
});

/** The checks whose failure nobody would notice otherwise, over clients with one sentence weakened. */
const controls: readonly (readonly [
  weakness: string,
  find: string,
  replace: string,
  check: (Client: typeof Connection) => Promise<void>,
  complaint: RegExp,
])[] = [
  [
    'ends with the first rejection',
    'return this.#rejections >= maxRejections;',
    'return rejected;',
    async (Client) => {
      const [service] = await connected({}, Client);
      service.last.closed(1012);
      await service.nextAttempt();
      service.last.closed(1006, 401);
      assert.equal(service.lost, [], 'after one');
    },
    /after one/,
  ],
  [
    'never ends for a rejection',
    'return this.#rejections >= maxRejections;',
    'return false;',
    async (Client) => {
      const [service] = await connected({}, Client);
      service.last.closed(1012);
      for (let count = 0; count < 5; count++) {
        await service.nextAttempt();
        service.last.closed(1006, 401);
      }
      assert.is(service.lost.length, 1, 'after five');
    },
    /after five/,
  ],
  [
    'never gives up a connection',
    'if (this.#pingedAt !== undefined) {\n          this.#giveUp();',
    'if (this.#pingedAt !== undefined) {',
    async (Client) => {
      const [service] = await connected({}, Client);
      await service.pass(65_000);
      assert.is(service.closes, 1, 'after two heartbeats');
    },
    /after two heartbeats/,
  ],
  [
    'counts a restart as a failure',
    'delayOf(restarts ? 0 : this.#attempt++)',
    'delayOf(this.#attempt++)',
    async (Client) => {
      const [service] = await connected({}, Client);
      for (let count = 0; count < 6; count++) {
        service.last.closed(1012);
        assert.ok((await service.nextAttempt()) <= 5, 'soon');
        service.welcome();
      }
    },
    /soon/,
  ],
  [
    'sends as much as the service announces',
    'Math.floor(welcome.burst / 2)',
    'Math.floor(welcome.burst)',
    async (Client) => {
      const [service, connection] = await connected({}, Client);
      for (let ref = 0; ref < 40; ref++) connection.send({ type: 'cancel', flowId: String(ref) });
      assert.is(service.sent.length, 10, 'at once');
    },
    /at once/,
  ],
];

for (const [weakness, find, replace, check, complaint] of controls)
  test(`the control: a client that ${weakness} is noticed`, async () => {
    await check(Connection);
    const twin = (await weakenedModule('client/connection.ts', edit(find, replace))) as {
      Connection: typeof Connection;
    };
    await complains(() => check(twin.Connection), complaint);
  });

test.run();
