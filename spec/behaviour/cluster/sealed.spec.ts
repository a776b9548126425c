/** Tests what Redis sees of a sign-in, and what its data is worth to an attacker. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StoredFlowError } from '../../../src/model/errors.ts';
import type { SealingKey } from '../../../src/redis.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey } from '../../helpers/bridge.ts';
import { leaks } from '../../helpers/printers.ts';
import { begun, newFlow, withRedis, type Admin } from '../../helpers/redis.ts';
import { hasRedis, noRedis } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const arrival = { path: '/callback', mode: 'query' } as const;

const sealingKey = (id: string): SealingKey => ({ id, key: randomBytes(32) });

const fresh = (): ReturnType<typeof newFlow> => newFlow('f', { state: newState(), key: newKey() });

const all = suite('flows at rest');
const test = all.when(hasRedis, noRedis);

test('no printer shows a sealing key or a state of a store', () =>
  withRedis(async ({ open }) => {
    const text = 'CANARY-of-a-sealing-key-32-bytes';
    const store = await open({ keys: [{ id: 'k', key: Buffer.from(text) }] });
    const flow = fresh();
    await begun(store, flow);
    const secrets = {
      key: text,
      'key as bytes': [...Buffer.from(text)].join(', '),
      'key in hexadecimal': Buffer.from(text).toString('hex'),
      state: flow.state,
    };
    assert.equal(leaks(store, secrets), []);
    assert.ok(leaks({ key: text }, secrets).length > 0, 'the check can fail');
  }));

test('L-05 keeps the same state of two tenants apart, and shows no state', () =>
  withRedis(async ({ admin, open }) => {
    const [one, other] = [await open({ tenant: 'one' }), await open({ tenant: 'other' })];
    const flow = fresh();
    const [ofOne, ofOther] = [await begun(one, flow), await begun(other, flow)];
    assert.ok(ofOne.id !== ofOther.id);
    const response = { code: 'c', state: flow.state };
    assert.is((await one.consume(response, arrival)).disposition, 'accepted');
    assert.is(await other.take(flow.state), undefined);
    assert.is((await other.consume(response, arrival)).disposition, 'accepted');
    for (const { key } of await admin.keys()) assert.not.match(key, flow.state);
  }));

test('L-05 L-11 opens no value that was sealed for another tenant, flow or purpose', () =>
  withRedis(async ({ admin, open }) => {
    const [one, other] = [await open({ tenant: 'one' }), await open({ tenant: 'other' })];
    const [flow, second] = [fresh(), fresh()];
    await begun(one, flow);
    await one.consume({ code: 'of the first', state: flow.state }, arrival);
    await begun(one, second);
    await one.consume({ code: 'of the second', state: second.state }, arrival);
    await begun(other, flow);
    await other.consume({ code: 'of the other', state: flow.state }, arrival);
    const flows = (await admin.keys()).filter(({ key }) => key.includes(':flow:'));
    const records = await Promise.all(flows.map(({ key, client }) => client.hGetAll(key)));
    const [client] = admin.clients;
    const opens = async (): Promise<string[]> => {
      const asked = [one.take(flow.state), one.take(second.state), other.take(flow.state)];
      const settled = await Promise.allSettled(asked);
      return settled.map((each) =>
        each.status === 'fulfilled' ? 'opened' : (each.reason as { code: string }).code,
      );
    };
    assert.equal(await opens(), ['opened', 'opened', 'opened']);
    // Each gets the response of the next one.
    for (const [n, { key }] of flows.entries())
      await client!.hSet(key, 'r', records[(n + 1) % records.length]!['r']!);
    assert.equal(await opens(), Array(3).fill('stored_flow_unreadable'));
    // Each gets what is kept of itself for a response.
    for (const [n, { key }] of flows.entries()) await client!.hSet(key, 'r', records[n]!['s']!);
    assert.equal(await opens(), Array(3).fill('stored_flow_unreadable'));
  }));

test('L-11 opens values of an older key as long as it is configured, and seals with the first key', () =>
  withRedis(async ({ open }) => {
    const [old, now] = [sealingKey('old'), sealingKey('now')];
    const before = await open({ keys: [old] });
    const flow = fresh();
    const { expiresAt } = await begun(before, flow);
    const rotated = await open({ keys: [now, old] });
    await rotated.adopt(flow.state);
    assert.equal((await rotated.read(flow.state))?.expiresAt, expiresAt);
    await rotated.consume({ code: 'c', state: flow.state }, arrival);
    assert.equal(await rotated.take(flow.state), {
      type: 'response',
      response: { code: 'c', state: flow.state },
    });
    // The response is sealed with the new one, what the flow began with with the old one.
    const after = await open({ keys: [now] });
    await after.adopt(flow.state);
    assert.is(((await after.take(flow.state)) as { type: string }).type, 'response');
    await assert.rejects(after.read(flow.state), StoredFlowError);
    const error = await assert.rejects((await open({ keys: [sealingKey('now')] })).read(flow.state));
    assert.not.match(String(error.stack), flow.state);
  }));

test('L-11 H-01 shows no code, state, verifier, key or error text in MONITOR, dump or append-only file', () =>
  withRedis(
    async ({ admin, open, client, server }) => {
      const monitored: string[] = [];
      const monitor = await client();
      await monitor.monitor((line) => monitored.push(line));
      const [one, other] = [await open(), await open({ keys: [sealingKey('k')] })];
      const canaries: string[] = ['CANARY-CODE', 'CANARY-TEXT', 'as-of-the-canary', 'path-of-the-canary'];
      for (const store of [one, other]) {
        const expectation = {
          path: '/path-of-the-canary',
          responseMode: 'query',
          issuer: {
            issuers: ['https://as-of-the-canary'],
            advertised: true,
            required: true,
            unadvertised: 'compare',
          },
        } as const;
        const at = { path: '/path-of-the-canary', mode: 'query' } as const;
        const iss = 'https://as-of-the-canary';
        const [kept, gone, failed] = [fresh(), fresh(), fresh()].map((flow) => ({ ...flow, expectation }));
        for (const flow of [kept!, gone!, failed!]) {
          canaries.push(flow.state, flow.key);
          await begun(store, flow);
        }
        await store.consume({ code: 'CANARY-CODE', state: kept!.state, iss }, at);
        await store.consume({ code: 'CANARY-CODE', state: gone!.state, iss }, at);
        await store.consume({ code: 'CANARY-CODE', state: failed!.state, iss: 'https://evil' }, at);
        const error_description = 'CANARY-TEXT';
        await store.consume({ error: 'access_denied', error_description, state: failed!.state, iss }, at);
        await store.take(gone!.state);
        await store.acknowledge(gone!.state);
      }
      await admin.clients[0]!.sendCommand(['SAVE']);
      const files = readFiles(server.folder);
      const sinks = [{ name: 'MONITOR', text: monitored.join('\n') }, ...files];
      for (const canary of canaries)
        for (const { name, text } of sinks) assert.not.ok(text.includes(canary), `${canary} is in ${name}`);
      // The look is one that finds what is there: what an append-only file begins with is empty.
      const seeing = sinks.filter(({ text }) => text.includes('rxoc:')).map(({ name }) => name);
      assert.equal(seeing.sort(), ['MONITOR', 'appendonly.aof.1.incr.aof', 'dump.rdb']);
    },
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ));

test('L-10 gives every key a time to live, and keeps of an acknowledged flow only that its state was used', () =>
  withRedis(async ({ admin, open }) => {
    const store = await open({ quota: {}, tenant: 't' });
    for (const last of ['begun', 'consumed', 'acknowledged', 'cancelled']) {
      const flow = fresh();
      const { id } = await begun(store, flow);
      if (last === 'cancelled') await store.cancel(flow.state);
      if (last === 'consumed' || last === 'acknowledged')
        await store.consume({ code: 'c', state: flow.state }, arrival);
      if (last !== 'acknowledged') continue;
      await store.acknowledge(flow.state);
      const { key, client } = (await admin.keys()).find((each) => each.key.includes(id))!;
      const { a: attempt = '', ...left } = await client.hGetAll(key);
      assert.equal(left, { u: '1' });
      assert.match(attempt, /^[\w-]{11}$/);
    }
    await lives(admin);
  }));

test('L-10 expires by the clock of Redis, whatever the clock of the node says', () =>
  withRedis(async ({ open }) => {
    const { asyncScheduler } = await import('rxjs');
    const off = (ms: number) => ({
      now: () => Date.now() + ms,
      schedule: asyncScheduler.schedule.bind(asyncScheduler),
    });
    const ends = [-300_000, 0, 300_000].map(async (ms) => {
      const store = await open({ scheduler: off(ms) });
      const began = performance.now();
      const flow = await begun(store, fresh(), 400);
      // The clocks of the nodes are five minutes off.
      assert.ok(Math.abs(flow.expiresAt - Date.now()) < 100_000, 'not by the clock of Redis');
      while (!(await store.take(flow.state)))
        await assert.deadline(new Promise<void>((wake) => store.watch(flow, { wake })), 'expiry');
      return performance.now() - began;
    });
    for (const took of await Promise.all(ends)) assert.ok(took >= 390, `after ${took} ms`);
  }));

all.run();

async function lives(admin: Admin): Promise<void> {
  const keys = await admin.keys();
  assert.ok(keys.length > 0);
  for (const { key, client } of keys) assert.ok((await client.pTTL(key)) > 0, `${key} lives for ever`);
}

function readFiles(folder: string): { name: string; text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => ({ name: name.split('/').at(-1)!, text: readFileSync(join(folder, name), 'latin1') }));
}
