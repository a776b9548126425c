/** A client and a service whose clocks differ, and a service that says nothing: over a transport made for it. */
import { firstValueFrom, type SchedulerLike } from 'rxjs';
import { connect } from '../../../src/client/host.ts';
import type { RemoteCallbackHost } from '../../../src/client.ts';
import type { Transport, TransportHandlers } from '../../../src/client/transport.ts';
import type { Flow } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { observe } from '../../helpers/endpoint.ts';
import { suite } from '../../helpers/suite.ts';

type Said = Readonly<Record<string, unknown>>;

/** A service that says what the spec does, with a clock that is so many milliseconds ahead. */
class Service {
  readonly #scheduler: SchedulerLike;
  readonly #ahead: number;
  readonly said: Said[] = [];
  #handlers: TransportHandlers | undefined;

  constructor(scheduler: SchedulerLike, ahead: number) {
    this.#scheduler = scheduler;
    this.#ahead = ahead;
  }

  now(): number {
    return this.#scheduler.now() + this.#ahead;
  }

  open = (_url: string, _credential: string, handlers: TransportHandlers): Transport => {
    this.#handlers = handlers;
    setImmediate(() =>
      this.say({
        type: 'welcome',
        roles: ['listener'],
        nonce: 'n',
        epoch: 'e',
        redirectUri: 'http://127.0.0.1/callback',
        now: this.now(),
        burst: 100,
        perSecond: 100,
      }),
    );
    return {
      send: (text) => void this.said.push(JSON.parse(text) as Said),
      close: (code) => void setImmediate(() => handlers.closed(code)),
    };
  };

  say(message: object): void {
    this.#handlers?.message(JSON.stringify(message));
  }

  alive(): void {
    this.#handlers?.alive();
  }

  /** Answers the next `begin`. */
  async begins(host: RemoteCallbackHost, ttl: number): Promise<Flow> {
    const flow = host.begin({ ttl });
    this.begun(await this.asked(), ttl);
    return flow;
  }

  /** The ref of the next `begin`. */
  async asked(): Promise<unknown> {
    const asked = async (): Promise<Said> => {
      for (;;) {
        const found = this.said.findIndex(({ type }) => type === 'begin');
        if (found >= 0) return this.said.splice(found, 1)[0]!;
        await new Promise(setImmediate);
      }
    };
    const { ref } = await assert.deadline(asked(), 'a begin');
    return ref;
  }

  begun(ref: unknown, ttl: number): void {
    const redirectUri = 'http://127.0.0.1/callback';
    this.say({ type: 'begun', ref, flowId: `f-${String(ref)}`, redirectUri, expiresAt: this.now() + ttl });
  }
}

const test = suite('clocks of the client');
const minute = 60_000;

for (const ahead of [-5 * minute, 0, 5 * minute])
  test(`uses its own time if the service's clock is ${ahead / minute} minutes ahead`, async () => {
    const { scheduler, advance } = virtualTime();
    advance(60 * minute);
    const service = new Service(scheduler, ahead);
    const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
    try {
      const flow = await service.begins(host, minute);
      assert.is(flow.expiresAt, scheduler.now() + minute);
      service.say({
        type: 'result',
        flowId: flow.id,
        result: { type: 'response', response: { code: 'c', state: flow.state } },
      });
      advance(minute - 1);
      assert.is((await firstValueFrom(flow.response)).code, 'c');
      advance(1);
      await assert.rejects(firstValueFrom(flow.response), 'expired');
    } finally {
      await host.close();
    }
  });

test('B-06 ends a flow by its own clock, a moment after its time, if the service does not tell its end', async () => {
  const { scheduler, advance } = virtualTime();
  const service = new Service(scheduler, 0);
  const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
  try {
    const flow = await service.begins(host, minute);
    const seen = observe(flow);
    advance(30_000);
    service.alive();
    // The result may be on its way that long.
    advance(34_999);
    assert.equal(seen.errors, []);
    advance(1);
    assert.equal(codesOf(seen.errors), ['expired']);
    assert.ok(host.connected);
    // Later messages of the service change nothing.
    service.say({
      type: 'result',
      flowId: flow.id,
      result: { type: 'response', response: { code: 'c', state: flow.state } },
    });
    assert.equal([seen.responses, codesOf(seen.errors)], [[], ['expired']]);
  } finally {
    await host.close();
  }
});

test('B-06 delivers a response that comes in the moment after the time of its flow', async () => {
  const { scheduler, advance } = virtualTime();
  const service = new Service(scheduler, 0);
  const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
  try {
    const flow = await service.begins(host, 20_000);
    const seen = observe(flow);
    advance(24_999);
    service.say({
      type: 'result',
      flowId: flow.id,
      result: { type: 'response', response: { code: 'c', state: flow.state } },
    });
    assert.equal([seen.responses.length, seen.errors], [1, []]);
    advance(minute);
    assert.equal([seen.responses.length, seen.errors], [1, []]);
  } finally {
    await host.close();
  }
});

for (const [what, ttl, ms] of [
  ['its ttl', 5_000, 10_000],
  ['ten minutes', undefined, 605_000],
] as const)
  test(`B-06 rejects a begin that the service does not answer within ${what}, and cancels it if it is begun later`, async () => {
    const { scheduler, advance } = virtualTime();
    const service = new Service(scheduler, 0);
    const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
    try {
      const begun = host.begin(ttl === undefined ? {} : { ttl });
      begun.catch(() => undefined);
      const ref = await service.asked();
      for (let passed = 0; passed < ms - 1_000; passed += 1_000) {
        advance(1_000);
        service.alive();
      }
      let ended = false;
      begun.catch(() => (ended = true));
      await new Promise(setImmediate);
      assert.not.ok(ended);
      advance(1_000);
      await assert.rejects(begun, 'expired');
      service.begun(ref, minute);
      assert.equal(service.said.at(-1), { type: 'cancel', flowId: `f-${String(ref)}` });
    } finally {
      await host.close();
    }
  });

const codesOf = (errors: readonly unknown[]): unknown[] =>
  errors.map((error) => (error as { code?: string }).code);

test.run();
