/** People who sign in over the bridge of a service, at a pace; some are refused, some say no, some give up. */
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import { obey } from '../orders.ts';
import { token } from '../service.ts';

/** What a service must have had, event by event; `late` is how far behind its pace the last one began, in ms. */
export interface Had {
  begun: number;
  accepted: number;
  denied: number;
  refused: number;
  cancelled: number;
  late: number;
}

// A connection may say 200 things a second.
const programs = 10;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

const orders = {
  /** Resolves when the last of them has ended, with the result in the program that waits for it. */
  async signIn(bridgeUrl: string, count: number, perSecond: number): Promise<Had> {
    const hosts = await Promise.all(
      Array.from({ length: programs }, () => connectCallbackHost(bridgeUrl, { token })),
    );
    const had: Had = { begun: 0, accepted: 0, denied: 0, refused: 0, cancelled: 0, late: 0 };
    const running: Promise<void>[] = [];
    const start = performance.now();
    for (let n = 0; n < count; n++) {
      const early = start + (n * 1_000) / perSecond - performance.now();
      if (early > 1) await setTimeout(early);
      had.late = Math.max(0, -early);
      running.push(signIn(hosts[n % programs]!, n, had));
    }
    await Promise.all(running);
    await Promise.all(hosts.map((host) => host.close()));
    return had;
  },
};

export type People = typeof orders;

async function signIn(host: RemoteCallbackHost, n: number, had: Had): Promise<void> {
  const flow = await host.begin();
  had.begun++;
  const back = `${flow.redirectUri}?state=${flow.state}`;
  if (n % 10 === 0) {
    await visit(back, 400);
    had.refused++;
  }
  if (n % 50 === 1) {
    const ended = firstValueFrom(flow.response).catch(() => undefined);
    flow.cancel();
    await ended;
    had.cancelled++;
    return;
  }
  const denied = n % 20 === 2;
  await visit(`${back}&${denied ? 'error=access_denied' : 'code=a-code'}`, denied ? 400 : 200);
  had.accepted++;
  const response = await firstValueFrom(flow.response);
  if (denied !== (response.error !== undefined)) throw new Error('a response that is of another sign-in');
  if (denied) had.denied++;
  if (n % 15 === 3) {
    await visit(`${back}&code=a-code`, 400);
    had.refused++;
  }
}

/** Rejects where the redirect is not answered as it must be. */
function visit(url: string, expected: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === expected) resolve();
        else reject(new Error(`a redirect is answered ${response.statusCode}, not ${expected}`));
      });
    });
    asked.on('error', reject);
  });
}

obey(orders);
