import { clockFrom, type Clock } from '../../src/clock.ts';
import { Connection, delayOf, type ConnectionOptions, type Lost } from '../../src/client/connection.ts';
import type { TransportHandlers } from '../../src/client/transport.ts';
import * as assert from '../helpers/assert.ts';
import { virtualTime, type VirtualTime } from '../helpers/clock.ts';
import { suite } from '../helpers/suite.ts';

/** A service that does what the spec says, and when. */
class Service {
  readonly time: VirtualTime = virtualTime();
  readonly clock: Clock = clockFrom(this.time.scheduler);
  readonly attempts: { credential: string; handlers: TransportHandlers }[] = [];
  readonly sent: string[] = [];
  readonly lost: Lost[] = [];
  readonly reported: unknown[] = [];
  closes = 0;
  ticks = 0;

  connect(options: Partial<ConnectionOptions> = {}): Connection {
    return new Connection({
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
      onTick: () => (this.ticks += 1),
      onLost: (reason) => this.lost.push(reason),
      ...options,
    });
  }

  get last(): TransportHandlers {
    return this.attempts.at(-1)!.handlers;
  }

  welcome({ burst = 10, perSecond = 10 } = {}): void {
    const message = {
      type: 'welcome',
      roles: ['listener'],
      nonce: 'n',
      epoch: 'e',
      redirectUri: 'r',
      now: 0,
    };
    this.last.message(JSON.stringify({ ...message, burst, perSecond }));
  }

  /** Lets time pass, and whatever waits for a credential get it. */
  async pass(ms: number): Promise<void> {
    this.time.advance(ms);
    await new Promise(setImmediate);
  }
}

async function connected(options?: Partial<ConnectionOptions>): Promise<[Service, Connection]> {
  const service = new Service();
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

test('K-16 comes back after a restart, and goes on waiting longer while it is refused', async () => {
  const [service] = await connected();
  service.last.closed(1012);
  await service.pass(5_000);
  assert.is(service.attempts.length, 2);
  service.last.closed(1006, 404);
  await service.pass(4_999);
  assert.is(service.attempts.length, 2);
  await service.pass(5_001);
  assert.is(service.attempts.length, 3);
  assert.equal(service.lost, []);
});

for (const code of [1000, 1003, 1007, 1008, 1009, 4401, 4409]) {
  test(`K-16 does not come back after ${code}`, async () => {
    const [service] = await connected();
    service.last.closed(code);
    await service.pass(3_600_000);
    assert.equal([service.attempts.length, service.lost], [1, [{ code, status: undefined }]]);
  });
}

test('K-16 comes back after 4401 where there may be another credential, and not after a 401', async () => {
  const [service] = await connected({ renews: true });
  service.last.closed(4401);
  await service.pass(5_000);
  assert.is(service.attempts.length, 2);
  service.last.closed(1006, 401);
  await service.pass(3_600_000);
  assert.equal([service.attempts.length, service.lost], [2, [{ code: 1006, status: 401 }]]);
});

for (const status of [400, 401, 403, 405, 426]) {
  test(`K-16 does not come back after a handshake answered ${status}`, async () => {
    const [service] = await connected();
    service.last.closed(1012);
    await service.pass(5_000);
    service.last.closed(1006, status);
    await service.pass(3_600_000);
    assert.equal([service.attempts.length, service.lost], [2, [{ code: 1006, status }]]);
  });
}

test('K-16 does not repeat a first attempt, nor use a ticket twice', async () => {
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

test('asks for a credential for each attempt, and counts one that cannot be had as a failed one', async () => {
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

test('gives up an attempt whose credential does not come, and does not use it when it comes late', async () => {
  const late: ((credential: string) => void)[] = [];
  let asked = 0;
  const credential = (): string | Promise<string> =>
    ++asked === 2 ? new Promise((resolve) => late.push(resolve)) : `ticket-${asked}`;
  const [service] = await connected({ credential });
  service.last.closed(1012);
  await service.pass(5_000);
  assert.equal([asked, service.ticks], [2, 1]);
  await service.pass(10_000);
  assert.is(service.ticks, 2);
  await service.pass(10_000);
  service.welcome();
  late[0]!('ticket-2');
  await service.pass(0);
  assert.equal(
    service.attempts.map((attempt) => attempt.credential),
    ['ticket-1', 'ticket-3'],
  );
  assert.equal(service.lost, []);
});

test('asks a silent service for a sign of life, and gives it up when there is none', async () => {
  const [service] = await connected();
  await service.pass(40_000);
  assert.equal(service.sent, []);
  await service.pass(40_000);
  assert.equal(service.sent, ['{"type":"ping"}']);
  service.last.message('{"type":"pong"}');
  await service.pass(40_000);
  service.last.alive();
  await service.pass(80_000);
  assert.is(service.closes, 0);
  await service.pass(40_000);
  assert.is(service.closes, 1);
  await service.pass(5_000);
  assert.is(service.attempts.length, 2);
});

test('gives up an attempt that is not answered within 10 s', async () => {
  const service = new Service();
  service.connect();
  await service.pass(0);
  await service.pass(10_000);
  assert.equal([service.closes, service.lost], [1, [{ code: 1006, status: undefined }]]);
});

test('sends no more than the service takes, and keeps one message for the end', async () => {
  const [service, connection] = await connected();
  for (let ref = 0; ref < 30; ref++) connection.send({ type: 'begin', ref });
  assert.is(service.sent.length, 9);
  await service.pass(1_000);
  assert.is(service.sent.length, 19);
  void connection.close({ type: 'leave' });
  assert.equal([service.sent.length, service.sent.at(-1)], [20, '{"type":"leave"}']);
});

test('reports a message that is none, and goes on', async () => {
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
  await assert.deadline(closed, 1_000, 'close()');
  await service.pass(3_600_000);
  assert.equal([service.attempts.length, service.lost], [1, []]);
});

test.run();
