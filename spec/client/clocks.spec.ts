/** A client and a service whose clocks differ, and a service that says nothing: over a transport made for it. */
import { firstValueFrom, type SchedulerLike } from 'rxjs';
import { connect } from '../../src/client/host.ts';
import type { RemoteCallbackHost } from '../../src/client.ts';
import type { Transport, TransportHandlers } from '../../src/client/transport.ts';
import type { Flow } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { virtualTime } from '../helpers/clock.ts';
import { observe } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';

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
    const asked = async (): Promise<Said> => {
      for (;;) {
        const found = this.said.findIndex(({ type }) => type === 'begin');
        if (found >= 0) return this.said.splice(found, 1)[0]!;
        await new Promise(setImmediate);
      }
    };
    const { ref } = await assert.deadline(asked(), 5_000, 'a begin');
    const redirectUri = 'http://127.0.0.1/callback';
    this.say({ type: 'begun', ref, flow: `f-${String(ref)}`, redirectUri, expiresAt: this.now() + ttl });
    return flow;
  }
}

const test = suite('clocks of the client');
const minute = 60_000;

for (const ahead of [-5 * minute, 0, 5 * minute])
  test(`goes by its own time, where the service's clock is ${ahead / minute} minutes ahead`, async () => {
    const { scheduler, advance } = virtualTime();
    advance(60 * minute);
    const service = new Service(scheduler, ahead);
    const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
    try {
      const flow = await service.begins(host, minute);
      assert.is(flow.expiresAt, scheduler.now() + minute);
      service.say({ type: 'result', flow: flow.id, result: { type: 'response', response: { code: 'c' } } });
      advance(minute - 1);
      assert.is((await firstValueFrom(flow.response)).code, 'c');
      advance(1);
      await assert.rejects(firstValueFrom(flow.response), 'expired');
    } finally {
      await host.close();
    }
  });

test('B-06 ends a flow of which a service that answers says nothing, two minutes after its time at most', async () => {
  const { scheduler, advance } = virtualTime();
  const service = new Service(scheduler, 0);
  const host = await connect('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
  try {
    const flow = await service.begins(host, minute);
    const seen = observe(flow);
    const pass = (ms: number): void => {
      for (let left = ms; left > 0; left -= 5_000) {
        advance(5_000);
        service.alive();
      }
    };
    // The result may be on its way that long.
    pass(2 * minute - 5_000);
    assert.equal(seen.errors, []);
    pass(minute + 5_000);
    assert.equal(
      seen.errors.map((error) => (error as { code?: string }).code),
      ['expired'],
    );
    assert.ok(host.connected);
  } finally {
    await host.close();
  }
});

test.run();
