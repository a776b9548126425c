import { firstValueFrom, NEVER, of, throwError, toArray } from 'rxjs';
import { connectCallbackHost } from '../../../src/client.ts';
import { withFlow, type CallbackHost } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import type { Endpoint } from '../../helpers/endpoint.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('withFlow');

type Body = (host: CallbackHost, endpoint: Endpoint) => Promise<void>;

/** Over the server itself, and over a service: the ending is seen in the events of the server. */
async function everywhere(body: Body): Promise<void> {
  await withBridge(async ({ url, ...endpoint }) => {
    await body(endpoint.server, endpoint);
    const host = await connectCallbackHost(url, { token });
    try {
      await body(host, endpoint);
    } finally {
      await host.close();
    }
  });
}

function ending({ server }: Endpoint, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const seen: string[] = [];
    const subscription = server.events.subscribe(({ type }) => {
      seen.push(type);
      if (seen.length < count) return;
      subscription.unsubscribe();
      resolve(seen);
    });
  });
}

test('begins when it is subscribed, emits the values of the projection, and completes', () =>
  everywhere(async (host, endpoint) => {
    const responses = withFlow(host, (flow) => {
      void endpoint.visit(`/callback?code=c&state=${flow.state}`);
      return flow.response;
    });
    for (let round = 0; round < 2; round++) {
      const [response, ...more] = await firstValueFrom(responses.pipe(toArray()));
      assert.equal([response?.code, more.length], ['c', 0]);
    }
  }));

test('frees the flow when it is unsubscribed', () =>
  everywhere(async (host, endpoint) => {
    const events = ending(endpoint, 2);
    const subscription = withFlow(host, () => {
      queueMicrotask(() => subscription.unsubscribe());
      return NEVER;
    }).subscribe();
    assert.equal(await events, ['begun', 'cancelled']);
  }));

test('frees the flow when the projection ends or fails first', () =>
  everywhere(async (host, endpoint) => {
    const completed = ending(endpoint, 2);
    assert.is(await firstValueFrom(withFlow(host, () => of(1))), 1);
    assert.equal(await completed, ['begun', 'cancelled']);
    const failed = ending(endpoint, 2);
    const signIn = withFlow(host, () => throwError(() => new Error('no token')));
    assert.is((await assert.rejects(firstValueFrom(signIn))).message, 'no token');
    assert.equal(await failed, ['begun', 'cancelled']);
  }));

test('ends with its signal', () =>
  everywhere(async (host) => {
    const controller = new AbortController();
    const signIn = withFlow(
      host,
      (flow) => {
        queueMicrotask(() => controller.abort());
        return flow.response;
      },
      { signal: controller.signal },
    );
    await assert.rejects(firstValueFrom(signIn), 'cancelled');
  }));

test('fails if the flow cannot be begun', () =>
  everywhere(async (host) => {
    await assert.rejects(firstValueFrom(withFlow(host, () => of(1), { state: 'weak' })), 'invalid_option');
  }));

test.run();
