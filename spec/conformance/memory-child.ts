/** Takes redirects, forgets them, and writes a snapshot of its memory. Started by h.ts; not to be imported. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import {
  createOAuthCallbackServer,
  ofState,
  type CallbackResponse,
  type Flow,
  type OAuthCallbackServer,
  type Redirect,
} from '../../src/index.ts';

/** Message to the other side: ports, and the states by the name of their outcome. */
export interface Ready {
  ports: Readonly<Record<'plain' | 'holding' | 'accepting', number>>;
  states: Readonly<Record<string, string>>;
}

/** Message from the other side, after its redirects. */
export interface Finish {
  snapshot: string;
}

/** Characters of the codes that consumers and the streams got; objects that are kept. */
export interface Finished {
  taken: number;
  streamed: number;
  kept: number;
}

const sockets = new Set<Socket>();
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

const scheduler = new VirtualTimeScheduler();
const plain = createOAuthCallbackServer({ scheduler });
const holding = createOAuthCallbackServer({ scheduler, unmatched: { holdFor: 1_000, max: 10 } });
const accepting = createOAuthCallbackServer({ scheduler, unmatched: 'accept' });
const servers = [plain, holding, accepting];
await Promise.all(servers.map((server) => server.listen()));

/** Objects that an app may keep, and with them nothing of a code. */
const kept: unknown[] = [];
/** A flow that an app keeps has its response; so the search is seen to find something. */
const control: unknown[] = [];
let taken = 0;
let streamed = 0;

const take = (response: CallbackResponse | undefined): void => void (taken += response?.code?.length ?? 0);
const watch = (server: OAuthCallbackServer): void => {
  server.redirects.subscribe(({ disposition, response }: Redirect) => {
    // All that is told of a refused redirect may be kept; an accepted one is used and let go.
    if (disposition === 'accepted') streamed += response.code?.length ?? 0;
    else kept.push(response);
  });
  server.events.subscribe((event) => kept.push(event));
};
servers.forEach(watch);

const states: Record<string, string> = {};
async function begun(
  name: string,
  server = plain,
  options: Parameters<typeof plain.begin>[0] = {},
): Promise<Flow> {
  const flow = await server.begin(options);
  states[name] = flow.state;
  return flow;
}

(await begun('taken')).response.subscribe(take);
void firstValueFrom((await begun('promised')).response).then(take);
(await begun('posted', plain, { responseMode: 'form_post' })).response.subscribe(take);
const named = (name: string): string => (states[name] = `${name}-${'0123456789'.repeat(4)}`);
plain.redirects.pipe(ofState(named('watched'))).subscribe(take);
const claimed = named('claimed');
const neverClaimed = named('never-claimed');
named('accepted');
named('unknown');
// These the app keeps.
kept.push(
  await begun('expired'),
  await begun('pending', plain, { issuer: 'https://as.example', ttl: 3_600_000 }),
);
const controlled = await begun('control');
controlled.response.subscribe(take);
control.push(controlled);

const finishing = once(process, 'message') as Promise<[Finish]>;
process.send?.({
  ports: {
    plain: plain.address.port,
    holding: holding.address.port,
    accepting: accepting.address.port,
  },
  states,
} satisfies Ready);
holding.redirects.subscribe(({ disposition, response }) => {
  if (disposition === 'held' && response.state === claimed)
    holding.redirects.pipe(ofState(claimed)).subscribe(take);
  // No consumer asks for the other one.
  if (disposition === 'held' && response.state === neverClaimed) advance(1_000);
});

const [{ snapshot }] = await finishing;
advance(600_000);
while (sockets.size > 0) await setImmediate();
// A turn more, for what Node does after a socket has closed.
await setImmediate();
writeHeapSnapshot(snapshot);
// Naming what is kept keeps it until here.
process.send?.({ taken, streamed, kept: kept.length + control.length } satisfies Finished);
await Promise.all(servers.map((server) => server.close()));
process.disconnect();

function advance(ms: number): void {
  scheduler.schedule(() => undefined, ms);
  scheduler.maxFrames = scheduler.frame + ms;
  scheduler.flush();
}
