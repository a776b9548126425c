import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { Pacing } from '../../../src/bridge/pacing.ts';
import { Session, type SessionContext } from '../../../src/bridge/session.ts';
import type { Peer } from '../../../src/bridge/audit.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('pacing of the bridge');

interface Origin {
  readonly address?: string;
  readonly tenant?: string;
}

/** A connection that sends whenever it is read. */
class Flood {
  readonly address: string;
  paused = false;
  sent = 0;
  readonly #name: string;
  readonly #pacing: Pacing;
  readonly #tenant: string | undefined;

  constructor(name: string, pacing: Pacing, { address = '10.0.0.1', tenant }: Origin = {}) {
    this.#name = name;
    this.#pacing = pacing;
    this.address = address;
    this.#tenant = tenant;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.send();
  }

  send(): void {
    for (let n = 0; n < 1_000 && !this.paused; n++) {
      this.sent++;
      this.#pacing.count({ name: this.#name, tenant: this.#tenant }, this);
    }
  }
}

const sent = (floods: readonly Flood[]): number => floods.reduce((sum, each) => sum + each.sent, 0);

test('B2 reads all connections of a name together ten times as fast as one may send, in turn', () => {
  const { scheduler, advance } = virtualTime();
  const pacing = new Pacing(clockFrom(scheduler), { burst: 10, perSecond: 10 });
  const floods = Array.from({ length: 20 }, () => new Flood('greedy', pacing));
  for (const each of floods) each.send();
  // The burst of ten connections, and one message of each that was read before it was paused.
  assert.is(sent(floods), 100 + 20);
  for (let n = 0; n < 1_000; n++) advance(10);
  const inTenSeconds = sent(floods);
  assert.ok(inTenSeconds > 500 && inTenSeconds <= 100 + 20 + 1_000, `${inTenSeconds} messages`);
  const each = floods.map((flood) => flood.sent).slice(1);
  assert.ok(Math.min(...each) > 0.9 * Math.max(...each), String(each));
});

test('B2 leaves connections of another name alone', () => {
  const { scheduler } = virtualTime();
  const pacing = new Pacing(clockFrom(scheduler), { burst: 10, perSecond: 10 });
  new Flood('greedy', pacing).send();
  const modest = new Flood('modest', pacing);
  for (let n = 0; n < 100; n++) pacing.count({ name: 'modest' }, modest);
  assert.not.ok(modest.paused);
});

type PacingClass = typeof Pacing;

/** Ten connections from one address, and one from another. Each address reads on as often as the other. */
function takesTurns(Class: PacingClass): void {
  const { scheduler, advance } = virtualTime();
  const pacing = new Class(clockFrom(scheduler), { burst: 10, perSecond: 10 });
  const crowd = Array.from({ length: 10 }, () => new Flood('greedy', pacing, { address: '10.0.0.1' }));
  const single = new Flood('greedy', pacing, { address: '10.0.0.2' });
  for (const each of [...crowd, single]) each.send();
  const [before, beforeSingle] = [sent(crowd), single.sent];
  for (let n = 0; n < 1_000; n++) advance(10);
  const [ofCrowd, ofSingle] = [sent(crowd) - before, single.sent - beforeSingle];
  assert.ok(ofCrowd + ofSingle > 400, 'they are read on');
  assert.ok(ofSingle > 0.9 * ofCrowd, `${ofSingle} messages of the one and ${ofCrowd} of the ten`);
}

test('L-13 reads the addresses of a name in turn, however many connections one has', () =>
  takesTurns(Pacing));

test('L-13 rejects a pacing that takes connections in turn, whatever their address', async () => {
  const twin = (await weakenedModule(
    'bridge/pacing.ts',
    edit('this.#pause(byName, connection.address, connection)', "this.#pause(byName, '', connection)"),
  )) as { Pacing: PacingClass };
  await complains(
    () => Promise.resolve().then(() => takesTurns(twin.Pacing)),
    /messages of the one and \d+ of the ten/,
  );
});

/** A tenant with a hundred names that all send as fast as they may. */
function holdsTenant(Class: PacingClass): void {
  const { scheduler, advance } = virtualTime();
  const pacing = new Class(clockFrom(scheduler), { burst: 1, perSecond: 1 });
  const floods = Array.from({ length: 100 }, (_, n) => new Flood(`name-${n}`, pacing, { tenant: 'a' }));
  const quiet = new Flood('name-0', pacing, { tenant: 'b' });
  for (const each of floods) each.send();
  for (let n = 0; n < 100; n++) advance(100);
  const all = sent(floods);
  // The burst of a hundred connections, a hundred messages a second, and one of each that was read before it was paused.
  assert.ok(all >= 500 && all <= 100 + 100 * 10 + 100, `${all} messages of the tenant`);
  const each = floods.map((flood) => flood.sent);
  assert.ok(Math.min(...each) >= 3, `${Math.min(...each)} messages of one name`);
  for (let n = 0; n < 10; n++) pacing.count({ name: 'name-0', tenant: 'b' }, quiet);
  assert.not.ok(quiet.paused, 'another tenant');
}

test('L-13 reads all names of a tenant together a hundred times as fast as one connection may send', () =>
  holdsTenant(Pacing));

test('L-13 rejects a pacing that does not count by tenant', async () => {
  const twin = (await weakenedModule(
    'bridge/pacing.ts',
    edit('if (tenant === undefined) return undefined;', 'if (tenant !== null) return undefined;'),
  )) as { Pacing: PacingClass };
  await complains(() => Promise.resolve().then(() => holdsTenant(twin.Pacing)), /messages of the tenant/);
});

test('L-13 a flood of requests from one address leaves half to the others of its name', () => {
  const { scheduler } = virtualTime();
  const pacing = new Pacing(clockFrom(scheduler), { burst: 10, perSecond: 10 });
  const allowed = (address: string, tenant?: string): number => {
    let count = 0;
    for (let n = 0; n < 1_000; n++) if (pacing.allows({ name: 'one', tenant }, address)) count++;
    return count;
  };
  assert.equal([allowed('10.0.0.1'), allowed('10.0.0.2'), allowed('10.0.0.3')], [50, 50, 0]);
  assert.equal([allowed('10.0.0.1', 'a'), allowed('10.0.0.2', 'a')], [50, 50]);
});

/** A name has two connections that are paused, and the first of them closes. */
function losesNoTurn(Class: PacingClass): void {
  const { scheduler, advance } = virtualTime();
  const pacing = new Class(clockFrom(scheduler), { burst: 1, perSecond: 1 });
  const [closed, open] = [new Flood('greedy', pacing), new Flood('greedy', pacing)];
  for (const each of [closed, open]) each.send();
  pacing.forget({ name: 'greedy' }, closed);
  const before = open.sent;
  // Enough for the message that each owes, and for one more.
  advance(300);
  assert.is(open.sent, before + 1, 'messages of the open one');
  assert.is(closed.sent, 11);
}

test('B2 lets a connection that has closed cost the others no turn', () => losesNoTurn(Pacing));

test('B2 rejects a pacing that keeps connections that have closed', async () => {
  const twin = (await weakenedModule(
    'bridge/pacing.ts',
    edit(`    this.#byName.get(keyOf(identity))?.paused.remove(connection.address, connection);\n`, ``),
  )) as { Pacing: PacingClass };
  await complains(() => Promise.resolve().then(() => losesNoTurn(twin.Pacing)), /messages of the open one/);
});

/** A session of a socket that closes. */
function forgets(Class: typeof Session): void {
  const socket = new EventEmitter();
  const forgotten: unknown[] = [];
  const context = {
    limits: { burst: 1, perSecond: 1, pings: 1 },
    pacing: { forget: (...what: unknown[]) => forgotten.push(what) },
    onClosed: () => undefined,
  };
  const identity = { name: 'greedy', roles: ['monitor'] };
  const peer = { identity, address: '', client: '' };
  const session = new Class(
    socket as unknown as WebSocket,
    peer as unknown as Peer,
    context as unknown as SessionContext,
  );
  socket.emit('close', 1000, Buffer.from(''));
  assert.equal(forgotten, [[identity, session]], 'what is forgotten');
}

test('B2 forgets the connection of a session that has closed', () => forgets(Session));

test('B2 rejects a session that stays in line when it has closed', async () => {
  const twin = (await weakenedModule(
    'bridge/session.ts',
    edit(`    this.#context.pacing.forget(this.identity, this);\n`, ``),
  )) as { Session: typeof Session };
  await complains(() => Promise.resolve().then(() => forgets(twin.Session)), /what is forgotten/);
});

test.run();
