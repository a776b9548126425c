import { setImmediate } from 'node:timers/promises';
import { createBridge } from '../../src/bridge.ts';
import { createOAuthCallbackServer, type Flow, type OAuthCallbackServer } from '../../src/index.ts';
import { now, pace } from '../clock.ts';
import { obey } from '../orders.ts';
import { token, type PacedService } from '../service.ts';

let server: OAuthCallbackServer;
let pending: Promise<Flow> | undefined;

const orders: PacedService = {
  async listen() {
    server = createOAuthCallbackServer({ maxFlows: 1_000_000, limits: { connections: 20_000 } });
    const bridge = createBridge(server, {
      token,
      // Long timeouts, so that a monitor that reads again after minutes still gets the close code.
      limits: {
        flows: 100_000,
        burst: 1_000_000,
        perSecond: 1_000_000,
        heartbeat: 3_600_000,
        timeout: 600_000,
      },
    });
    await bridge.listen();
    return server.address.port;
  },

  async emit(count) {
    for (let event = 0; event < count; event++) {
      await oneEvent();
      await setImmediate();
    }
  },

  async emitAtPace(count, perSecond) {
    const sent = new Float64Array(count);
    let most = 0;
    await pace(count, perSecond, (index) => {
      sent[index] = now();
      void oneEvent();
      if (index % 1_000 === 0) most = Math.max(most, process.memoryUsage.rss());
    });
    return { sent, rss: most };
  },
};

/** Begins a flow, or cancels the last one. Each emits an event, and no flow stays. */
async function oneEvent(): Promise<void> {
  const last = pending;
  pending = last ? undefined : server.begin();
  (await last)?.cancel();
}

obey(orders);
