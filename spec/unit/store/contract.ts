import type { FlowStore, FlowWatcher } from '../../../src/model/flow-store.ts';
import * as assert from '../../helpers/assert.ts';
import { begun, newFlow } from '../../helpers/redis.ts';
import { suite } from '../../helpers/suite.ts';

export interface StoreBench {
  store: FlowStore;
  /** Lets so many milliseconds of the store's time pass. */
  pass(ms: number): Promise<void>;
  /** Resolves once whatever the store has set out to tell has been told. */
  quiet(): Promise<void>;
}

type Use = (body: (bench: StoreBench) => Promise<void>) => Promise<void>;

const issuer = {
  issuers: ['https://as.example'],
  advertised: true,
  required: false,
  unadvertised: 'compare',
} as const;

const [a, b] = [newFlow('a'), newFlow('b')];
const arrival = { path: '/callback', mode: 'query' } as const;
const response = { code: 'c', state: a.state };

/** Contract of every store. @param absent Why it cannot be tried here, if it cannot. */
export function storeContract(name: string, use: Use, absent?: string): void {
  const all = suite(`${name} as a FlowStore`);
  const test = all.when(absent === undefined, absent ?? '');
  test('keeps a flow by its state', () =>
    use(async ({ store }) => {
      const flow = await begun(store, a);
      assert.match(flow.id, /^[\w-]{1,64}$/);
      assert.equal(await store.read(a.state), flow);
      assert.equal({ ...flow, id: '', expiresAt: 0 }, { ...a, id: '', expiresAt: 0 });
      assert.is(await store.read(b.state), undefined);
      await store.check();
    }));

  test('B-09 begins a state once, and gives its owner the same flow again', () =>
    use(async ({ store }) => {
      const flow = await begun(store, a);
      assert.is(await store.begin({ ...b, state: a.state }, 60_000), 'state_in_use');
      assert.equal(await store.begin(a, 60_000), { flow, again: true });
      await store.consume(response, arrival);
      assert.equal(await store.begin(a, 60_000), { flow, again: true });
    }));

  test('gives the names of a flow to the node that gets its redirect', () =>
    use(async ({ store }) => {
      const description = { label: 'GitHub', serverUrl: 'https://mcp.example' };
      const { id } = await begun(store, { ...a, description });
      assert.equal((await store.read(a.state))?.description, description);
      assert.equal(await store.consume(response, arrival), {
        disposition: 'accepted',
        flowId: id,
        description,
      });
    }));

  test('B-05 accepts one response of many that come at the same time', () =>
    use(async ({ store }) => {
      const { id } = await begun(store, a);
      const all = Array.from({ length: 50 }, (_, n) => ({ ...response, code: String(n) }));
      const consumed = await Promise.all(all.map((each) => store.consume(each, arrival)));
      const accepted = consumed.flatMap(({ disposition }, n) => (disposition === 'accepted' ? [n] : []));
      assert.is(accepted.length, 1);
      assert.is(consumed[accepted[0]!]!.flowId, id);
      const others = consumed.filter(({ disposition }) => disposition === 'duplicate');
      assert.is(others.length, 49);
      const result = { type: 'response', response: { ...response, code: String(accepted[0]) } };
      assert.equal(await store.take(a.state), result);
    }));

  test('B-02 knows nothing of another state', () =>
    use(async ({ store }) => {
      await begun(store, a);
      assert.equal(await store.consume({ ...response, state: b.state }, arrival), {
        disposition: 'unmatched',
      });
      assert.is(await store.take(a.state), undefined);
      assert.is(await store.take(b.state), 'gone');
      assert.is(await store.adopt(b.state), false);
    }));

  test('C-02 L-03 leaves a flow alone whose redirect URI, response mode or issuer is another', () =>
    use(async ({ store }) => {
      const { id } = await begun(store, newFlow('a', { expectation: { ...a.expectation, issuer } }));
      const iss = 'https://as.example';
      const wrong = [
        [{ ...response, iss }, { path: '/callback/tenant', mode: 'query' }, 'wrong_redirect_uri'],
        [{ ...response, iss }, { path: '/callback', mode: 'form_post' }, 'wrong_response_mode'],
        [{ ...response, iss: 'https://evil.example' }, arrival, 'wrong_issuer'],
        [response, arrival, 'wrong_issuer'],
      ] as const;
      for (const [fields, at, disposition] of wrong)
        assert.equal(await store.consume(fields, at), { disposition, flowId: id });
      assert.is(await store.take(a.state), undefined);
      assert.equal(await store.consume({ ...response, iss }, arrival), {
        disposition: 'accepted',
        flowId: id,
      });
    }));

  test('takes any issuer where none is expected, and none where one is compared', () =>
    use(async ({ store }) => {
      await begun(store, a);
      const compared = { ...issuer, advertised: false };
      await begun(store, newFlow('b', { expectation: { ...b.expectation, issuer: compared } }));
      const any = await store.consume({ ...response, iss: 'https://any.example' }, arrival);
      const none = await store.consume({ code: 'c', state: b.state }, arrival);
      assert.equal([any.disposition, none.disposition], ['accepted', 'accepted']);
    }));

  test('keeps the whole response, whatever is in it', () =>
    use(async ({ store }) => {
      await begun(store, a);
      const whole = {
        error: 'access_denied',
        error_description: 'Grüße, 日本 "\\ \n',
        error_uri: 'https://as.example/e',
        iss: 'https://as.example',
        state: a.state,
      };
      await store.consume(whole, arrival);
      assert.equal(await store.take(a.state), { type: 'response', response: whole });
    }));

  test('keeps the result until it is acknowledged, and the state used after that', () =>
    use(async ({ store }) => {
      await begun(store, a);
      await store.consume(response, arrival);
      for (let n = 0; n < 2; n++) assert.equal(await store.take(a.state), { type: 'response', response });
      assert.is(await store.adopt(a.state), true);
      assert.is(await store.acknowledge(a.state), true);
      assert.is(await store.take(a.state), 'gone');
      assert.is(await store.adopt(a.state), false);
      assert.is(await store.read(a.state), undefined);
      assert.equal(await store.consume(response, arrival), { disposition: 'duplicate' });
      assert.is(await store.begin(a, 60_000), 'state_in_use');
      assert.is(await store.acknowledge(a.state), true);
    }));

  test('keeps a result, and its state used, for a minute after the time of its flow, and forgets both then', () =>
    use(async ({ store, pass }) => {
      await begun(store, a, 60_000);
      await store.consume(response, arrival);
      await begun(store, b, 60_000);
      await store.cancel(b.state);
      await store.acknowledge(b.state);
      await pass(110_000);
      assert.equal(await store.take(a.state), { type: 'response', response });
      assert.is(await store.begin({ ...a, key: b.key }, 60_000), 'state_in_use');
      assert.is(await store.begin(b, 60_000), 'state_in_use');
      await pass(11_000);
      assert.is(await store.take(a.state), 'gone');
      for (const flow of [a, b])
        assert.is(((await store.begin(flow, 60_000)) as { again: boolean }).again, false);
    }));

  test('W10 knows the owner of an acknowledged flow if a page waited for its outcome, and of no other', () =>
    use(async ({ store }) => {
      const flows = [await begun(store, a), await begun(store, b)];
      await store.onOutcome(a.state, 60_000, () => undefined);
      for (const { id, key, state } of flows) {
        const owner = await store.owner(state);
        assert.equal([owner?.id, owner?.key], [id, key]);
        await store.consume({ code: 'c', state }, arrival);
        await store.acknowledge(state);
        assert.is(await store.read(state), undefined);
      }
      const owner = await store.owner(a.state);
      assert.equal([owner?.id, owner?.key], [flows[0]!.id, a.key]);
      assert.is(await store.owner(b.state), undefined);
    }));

  test('acknowledges nothing that has not ended', () =>
    use(async ({ store }) => {
      await begun(store, a);
      assert.is(await store.acknowledge(a.state), false);
      assert.is((await store.consume(response, arrival)).disposition, 'accepted');
    }));

  test('cancels a flow once, and none that has its response', () =>
    use(async ({ store }) => {
      await begun(store, a);
      await begun(store, b);
      await store.cancel(a.state);
      assert.is((await store.consume(response, arrival)).disposition, 'duplicate');
      assert.equal(await store.take(a.state), { type: 'cancelled' });
      const other = { code: 'c', state: b.state };
      await store.consume(other, arrival);
      await store.cancel(b.state);
      assert.equal(await store.take(b.state), { type: 'response', response: other });
      await store.cancel('state-of-no-flow');
    }));

  test('has the end of a flow told of once, however often it is taken', () =>
    use(async ({ store }) => {
      const flow = await begun(store, a);
      await store.cancel(a.state);
      const announced = await Promise.all([1, 2, 3].map(() => store.announce(flow)));
      assert.is(announced.filter(Boolean).length, 1);
      await store.acknowledge(a.state);
      assert.is(await store.announce(flow), false);
    }));

  test('tells the outcome to each page of a redirect that came more than once', () =>
    use(async ({ store, quiet }) => {
      await begun(store, a);
      const told: string[] = [];
      const wait = (page: string) => store.onOutcome(a.state, 60_000, () => told.push(page));
      await wait('the first');
      assert.is((await store.consume(response, arrival)).disposition, 'accepted');
      const stop = await wait('the second');
      assert.is((await store.consume(response, arrival)).disposition, 'duplicate');
      await wait('the third');
      stop();
      await store.settle(a.state, { status: 'success' });
      await quiet();
      assert.equal(told.sort(), ['the first', 'the third']);
    }));

  test('tells the time that its flows expire by', () =>
    use(async ({ store, pass }) => {
      const { expiresAt } = await begun(store, a, 60_000);
      const left = expiresAt - store.now();
      assert.ok(left > 50_000 && left <= 61_000, `${left} ms left`);
      await pass(1_000);
    }));

  test('tells the outcome to whoever waits for it, after the acknowledgement too, and nobody who has stopped', () =>
    use(async ({ store, quiet }) => {
      await begun(store, a);
      await begun(store, b);
      const told: unknown[] = [];
      const stop = await store.onOutcome(a.state, 60_000, (outcome) => told.push(outcome));
      await store.onOutcome(b.state, 60_000, (outcome) => told.push(outcome));
      for (const { state } of [a, b]) await store.consume({ code: 'c', state }, arrival);
      const failure = { status: 'failure', message: 'Grüße "' } as const;
      await store.settle(a.state, failure);
      await store.acknowledge(b.state);
      await store.settle(b.state, { status: 'success' });
      await quiet();
      assert.equal(told.length, 2);
      assert.equal(new Set(told), new Set([failure, { status: 'success' }]));
      stop();
      await store.settle(a.state, failure);
      await store.settle('state-of-no-flow-at-all', failure);
      await quiet();
      assert.is(told.length, 2);
    }));

  test('B-06 expires a flow, tells it to who watches, and forgets it in the end', () =>
    use(async ({ store, pass, quiet }) => {
      const flow = await begun(store, a, 5_000);
      let woken = 0;
      const watcher = { wake: () => woken++ };
      store.watch(flow, watcher);
      await pass(5_000);
      await quiet();
      // The time of a shared store is measured at its server, and is late by the time of an answer.
      for (let n = 0; store.shared && woken === 0 && n < 20; n++) {
        await pass(100);
        await quiet();
      }
      assert.ok(woken > 0, 'a wake-up');
      assert.equal(await store.take(a.state), { type: 'expired' });
      assert.is((await store.consume(response, arrival)).disposition, 'duplicate');
      await pass(120_000);
      assert.is(await store.read(a.state), undefined);
      assert.is((await store.consume(response, arrival)).disposition, 'unmatched');
      store.unwatch(flow, watcher);
    }));

  test('L-01 keeps a response until a person confirms it, and takes the right code twice', () =>
    use(async ({ store, quiet }) => {
      const expectation = { ...a.expectation, byCode: true } as const;
      const flow = await begun(store, { ...a, expectation });
      let woken = 0;
      store.watch(flow, { wake: () => woken++ });
      assert.is(await store.confirm(a.state, 'BCDFGHJK'), 'none');
      const { disposition, code = '' } = await store.consume(response, arrival);
      assert.equal([disposition, code.length], ['unconfirmed', 8]);
      assert.is((await store.consume(response, arrival)).disposition, 'duplicate');
      assert.is(await store.take(a.state), undefined);
      assert.is(await store.acknowledge(a.state), false);
      for (let attempt = 0; attempt < 4; attempt++)
        assert.is(await store.confirm(a.state, 'AAAAAAAA'), 'wrong');
      assert.is(await store.confirm(a.state, ` ${code.toLowerCase()} `), 'confirmed');
      await quiet();
      assert.ok(woken > 0);
      assert.equal(await store.take(a.state), { type: 'response', response });
      assert.is(await store.confirm(a.state, code), 'again');
      assert.is(await store.confirm(a.state, 'AAAAAAAA'), 'none');
      assert.is(await store.acknowledge(a.state), true);
      assert.is(await store.confirm(a.state, code), 'none');

      await begun(store, { ...b, expectation });
      const other = await store.consume({ ...response, state: b.state }, arrival);
      for (let attempt = 0; attempt < 4; attempt++) await store.confirm(b.state, code);
      assert.is(await store.confirm(b.state, code), 'exhausted');
      assert.equal(await store.take(b.state), { type: 'cancelled' });
      assert.is(await store.confirm(b.state, other.code ?? ''), 'none');
    }));

  test('J-06 keeps a record until its time is over, and replaces it for one of those that have read it', () =>
    use(async ({ store, pass }) => {
      const records = store.records!;
      const key = `key of ${a.state}`;
      const put = Array.from({ length: 20 }, (_, n) => records.replace(key, undefined, `of ${n}`, 30_000));
      assert.is((await Promise.all(put)).filter(Boolean).length, 1);
      const first = await records.read(key);
      assert.match(first?.text ?? '', /^of \d+$/);
      const changed = Array.from({ length: 20 }, (_, n) =>
        records.replace(key, first?.version, n % 2 ? 'changed' : undefined, 30_000),
      );
      assert.is((await Promise.all(changed)).filter(Boolean).length, 1);
      assert.is(await records.replace(key, first?.version, 'too late', 30_000), false);
      const other = `another ${key}`;
      assert.is(await records.read(other), undefined);
      assert.ok(await records.replace(other, undefined, 'Grüße, 日本 "\\ \n', 30_000));
      await pass(29_000);
      const kept = await records.read(other);
      assert.is(kept?.text, 'Grüße, 日本 "\\ \n');
      // From now on for as long as it says.
      assert.ok(await records.replace(other, kept?.version, 'longer', 30_000));
      await pass(29_000);
      assert.is((await records.read(other))?.text, 'longer');
      await pass(2_000);
      assert.is(await records.read(other), undefined);
      assert.ok(await records.replace(other, undefined, 'again', 30_000));
      assert.is((await records.read(other))?.text, 'again');
      const { version } = (await records.read(other))!;
      assert.ok(await records.replace(other, version, undefined, 0));
      assert.is(await records.read(other), undefined);
    }));

  test('wakes whoever watches when a flow ends, and nobody who has stopped', () =>
    use(async ({ store, quiet }) => {
      const [one, other] = [await begun(store, a), await begun(store, b)];
      const woken = new Set<string>();
      const named = (name: string): FlowWatcher => ({ wake: () => void woken.add(name) });
      const gone = named('gone');
      store.watch(one, named('one'));
      store.watch(one, gone);
      store.watch(other, named('other'));
      store.unwatch(one, gone);
      await store.consume(response, arrival);
      await quiet();
      assert.equal(woken, new Set(['one']));
      await store.cancel(b.state);
      await quiet();
      assert.equal(woken, new Set(['one', 'other']));
    }));

  test('L-05 keeps the same state of two tenants apart, and from that of no tenant', () =>
    use(async ({ store, quiet }) => {
      const parts = [store.forTenant!('acme'), store.forTenant!('globex'), store];
      assert.ok(store.forTenant!('acme') === parts[0], 'another object for the same tenant');
      const flows = [];
      for (const part of parts) flows.push(await begun(part, a));
      assert.is(new Set(flows.map(({ id }) => id)).size, 3);
      assert.equal(
        parts.map(({ epoch }) => epoch),
        parts.map(() => store.epoch),
      );
      assert.is(new Set(parts.map(({ secret }) => secret)).size, 3);
      const woken: number[] = [];
      for (const [index, part] of parts.entries())
        part.watch(flows[index]!, { wake: () => void woken.push(index) });
      for (const [index, part] of parts.entries()) {
        const told: unknown[] = [];
        const stop = await part.onOutcome(a.state, 30_000, (outcome) => told.push(outcome));
        const own = { ...response, code: String(index) };
        assert.is((await part.consume(own, arrival)).flowId, flows[index]!.id);
        assert.is((await part.consume(own, arrival)).disposition, 'duplicate');
        for (const [number, other] of parts.entries())
          assert.equal(
            await other.take(a.state),
            number > index
              ? undefined
              : { type: 'response', response: { ...response, code: String(number) } },
          );
        for (const other of parts) if (other !== part) await other.settle(a.state, { status: 'success' });
        await quiet();
        assert.equal(told, []);
        await part.settle(a.state, { status: 'failure', message: String(index) });
        await quiet();
        assert.equal(told, [{ status: 'failure', message: String(index) }]);
        stop();
        assert.equal([...new Set(woken)], [...Array(index + 1).keys()]);
      }
      await parts[0].acknowledge(a.state);
      assert.is(await parts[0].read(a.state), undefined);
      assert.ok(await parts[1]!.read(a.state));
    }));

  test('L-13 holds a tenant to its quota, and no other', () =>
    use(async ({ store, pass }) => {
      const one = store.forTenant!('small', { flows: 1, perSecond: 2 });
      const flow = await begun(one, a);
      assert.is(await one.begin(b, 60_000), 'too_many_flows');
      await begun(store.forTenant!('acme'), b);
      await begun(store, b);
      await one.cancel(flow.state);
      await one.acknowledge(flow.state);
      await pass(1_000);
      await begun(one, b);
    }));

  test('L-13 counts no used state against the quota of a tenant', () =>
    use(async ({ store }) => {
      const one = store.forTenant!('small', { flows: 1, perSecond: 100 });
      const flow = await begun(one, a);
      assert.is(await one.begin({ ...a, key: b.key }, 60_000), 'state_in_use');
      assert.is(await one.begin(b, 60_000), 'too_many_flows', 'a flow that is pending counts on');
      await one.cancel(flow.state);
      await one.acknowledge(flow.state);
      for (let n = 0; n < 3; n++) assert.is(await one.begin(a, 60_000), 'state_in_use');
      await begun(one, b);
    }));

  all.run();
}
