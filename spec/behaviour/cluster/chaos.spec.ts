/**
 * Four nodes as processes behind a balancer, over one Redis, while nodes, connections and Redis break. `npm run chaos -- cluster`
 * runs 20,000 sign-ins, the suite a twentieth.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import type { Flow } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { Balancer } from '../../helpers/balancer.ts';
import { token } from '../../helpers/bridge.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import { hastened } from '../../helpers/clock.ts';
import { CompiledPrograms } from '../../helpers/compiled-programs.ts';
import { Crowd } from '../../helpers/http.ts';
import { NodeProcess } from '../../helpers/node-process.ts';
import { Admin } from '../../helpers/redis.ts';
import { hasRedis, noRedis, RedisServer } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const most = chaosCount(20_000);
const clients = 10;
const lanes = 150;
/** Number of troubles, of five kinds in turn. */
const troubles = Math.max(10, most / 250);
const clockOffsets = [0, -300_000, 300_000, 120_000];

interface Fate {
  readonly state: string;
  readonly kind: 'answered' | 'cancelled' | 'expired';
  readonly codes: (string | undefined)[];
  readonly ends: string[];
  /** Redirects that were answered 200. */
  accepted: number;
  /** Resolves with the first end. */
  readonly over: Promise<void>;
  readonly resolve: () => void;
}

/** Returns the status that a browser gets; 0 if there is no answer. */
function come(crowd: Crowd, port: number, authority: string, state: string): Promise<number> {
  const url = `http://127.0.0.1:${port}/callback?code=canary-code-${state}&state=${state}`;
  return crowd.status(url, { headers: { Host: authority } });
}

/** Looks through everything that Redis is told. Ends with it. */
function eavesdrop(port: number): Promise<{ bad: number; seen: number }> {
  const look = '/canary-/ { bad++ } /rxoc:/ { seen++ } END { print bad + 0, seen + 0 }';
  const child = spawn('sh', ['-c', `redis-cli -p ${port} monitor 2>&1 | awk '${look}'`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.unref();
  return text(child.stdout).then((line) => {
    const [bad = 0, seen = 0] = line.split(' ').map(Number);
    return { bad, seen };
  });
}

const turn = (ms = 0): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const all = suite('chaos');
const test = all.when(hasRedis, noRedis);

test(
  `L-06 L-10 L-14 L-15 ends each sign-in once, whatever breaks`,
  async () => {
    using programs = new CompiledPrograms('cluster-node.ts');
    const program = programs.pathOf('cluster-node.ts');
    const redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
    const balancer = await Balancer.open();
    using crowd = new Crowd({ keepAlive: false, connections: 128 });
    const nodes: NodeProcess[] = [];
    const hosts: RemoteCallbackHost[] = [];
    const fates: Fate[] = [];
    const overheard: Promise<{ bad: number; seen: number }>[] = [];
    const counts = { killed: 0, restarted: 0, cut: 0, redis: 0, together: 0, begunAgain: 0 };
    try {
      const start = (n: number): Promise<NodeProcess> =>
        NodeProcess.start(program, redis.url, balancer, clockOffsets[n]!);
      nodes.push(...(await Promise.all(clockOffsets.map((_, n) => start(n)))));
      overheard.push(eavesdrop(redis.port));
      const authority = `127.0.0.1:${balancer.port}`;
      for (let n = 0; n < clients; n++)
        hosts.push(await connectCallbackHost(`ws://${authority}/bridge`, { token, scheduler: hastened(10) }));

      const replace = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
        const n = Math.floor(Math.random() * nodes.length);
        await nodes[n]!.stop(signal);
        nodes[n] = await start(n);
      };
      const cut = async (type: string): Promise<void> => {
        await using admin = await Admin.of([redis.url]);
        await admin.clients[0]!.sendCommand(['CLIENT', 'KILL', 'TYPE', type]);
        counts.cut++;
      };
      const trouble = [
        () => replace('SIGKILL').then(() => counts.killed++),
        () => cut('normal'),
        () => replace('SIGTERM').then(() => counts.restarted++),
        () => cut('pubsub'),
        async () => {
          await redis.stop('SIGKILL');
          await turn(200);
          await redis.start();
          overheard.push(eavesdrop(redis.port));
          counts.redis++;
        },
      ];
      const began = performance.now();
      let ended = 0;
      let troubled = 0;
      const chaos = (async () => {
        // Timed by the progress of the sign-ins, so that a fast machine sees as many troubles as a slow one.
        for (; troubled < troubles; troubled++) {
          while (ended / most < (0.9 * troubled) / troubles) await turn(5);
          await trouble[troubled % trouble.length]!();
        }
      })();

      const end = (fate: Fate, how: string): void => {
        fate.ends.push(how);
        if (fate.ends.length > 1) return;
        ended++;
        fate.resolve();
      };
      /** Begins a flow as a program that retries while the service is unavailable. */
      const begin = async (host: RemoteCallbackHost, ttl: number): Promise<Flow> => {
        for (;;) {
          try {
            return await host.begin({ ttl, state: `canary-state-${newState()}` });
          } catch (error) {
            assert.is((error as { code: string }).code, 'store_unavailable', String(error));
            counts.begunAgain++;
            await turn(50);
          }
        }
      };
      const live = async (n: number): Promise<void> => {
        const dice = Math.random();
        const kind = dice < 0.05 ? 'cancelled' : dice < 0.1 ? 'expired' : 'answered';
        const flow = await begin(hosts[n % clients]!, kind === 'expired' ? 2_000 : 600_000);
        let resolve = (): void => undefined;
        const over = new Promise<void>((end) => (resolve = end));
        const fate: Fate = { state: flow.state, kind, codes: [], ends: [], accepted: 0, over, resolve };
        fates.push(fate);
        flow.response.subscribe({
          next: ({ code }) => fate.codes.push(code),
          error: (error: unknown) => end(fate, (error as { code: string }).code),
          complete: () => end(fate, 'completed'),
        });
        if (kind === 'cancelled') flow.cancel();
        if (kind !== 'answered') return;
        for (let answered = false; !answered;) {
          // Now and then to all nodes in the same tick.
          const together = Math.random() < 0.05;
          const ports = together ? nodes.map(({ port }) => port) : [balancer.port];
          if (together) counts.together++;
          const statuses = await Promise.all(ports.map((port) => come(crowd, port, authority, flow.state)));
          fate.accepted += statuses.filter((status) => status === 200).length;
          // 400 after an answer that was lost: it had been accepted, and nobody was told.
          answered = statuses.some((status) => status === 200 || status === 400);
          if (!answered) await turn(20);
        }
      };
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < most) {
          // Sign-ins wait for the trouble of their part, so that each trouble meets as many of them.
          if (next / most < (troubled + 1) / troubles) await live(next++);
          else await turn(5);
        }
      };
      await Promise.all([chaos, ...Array.from({ length: lanes }, lane)]);
      const signIns = fates.length;
      await assert.deadline(Promise.all(fates.map(({ over }) => over)), 'an end for each sign-in', 120_000);
      const seconds = (performance.now() - began) / 1_000;

      const said = `${signIns} sign-ins in ${seconds.toFixed(1)} s: ${JSON.stringify(counts)}`;
      console.log(said);
      const count = (which: (fate: Fate) => boolean): number => fates.filter(which).length;
      assert.is(signIns, most);
      assert.is(
        count(({ ends }) => ends.length !== 1),
        0,
        `not one terminal event: ${said}`,
      );
      assert.is(
        count(({ codes }) => codes.length > 1),
        0,
        `a code twice: ${said}`,
      );
      assert.is(
        count(({ accepted }) => accepted > 1),
        0,
        `accepted twice: ${said}`,
      );
      assert.is(
        count(({ accepted, codes }) => accepted > 0 && codes.length === 0),
        0,
        `lost: ${said}`,
      );
      assert.is(
        count(({ codes, state }) => codes.length > 0 && codes[0] !== `canary-code-${state}`),
        0,
        said,
      );
      const wanted = { answered: 'completed', cancelled: 'cancelled', expired: 'expired' };
      assert.is(
        count(({ kind, ends }) => ends[0] !== wanted[kind]),
        0,
        `another end: ${said}`,
      );
      for (const [what, times] of Object.entries(counts))
        if (what !== 'begunAgain') assert.ok(times > 0, `${what} never happened: ${said}`);

      {
        // Gone before Redis is, which it would look for.
        await using admin = await Admin.of([redis.url]);
        await checkKeys(admin, signIns / 2);
        await admin.clients[0]!.sendCommand(['SAVE']);
      }
      for (const { name, text: kept } of readFiles(redis.folder))
        assert.not.ok(kept.includes('canary-'), `${name} has a code or a state`);
      await Promise.all(hosts.map((host) => host.close()));
      await Promise.all(nodes.map((node) => node.stop('SIGKILL')));
      await redis.stop();
      const heard = await assert.deadline(Promise.all(overheard), 'the end of MONITOR');
      assert.equal(
        heard.reduce((sum, { bad }) => sum + bad, 0),
        0,
        'MONITOR shows a code or a state',
      );
      assert.ok(heard.reduce((sum, { seen }) => sum + seen, 0) > signIns, 'MONITOR was not heard');
    } finally {
      await Promise.all(hosts.map((host) => host.close()));
      await Promise.all(nodes.map((node) => node.stop('SIGKILL')));
      await balancer[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    }
  },
  { deadline: chaosDeadline(360_000) },
);

all.run();

async function checkKeys(admin: Admin, least: number): Promise<void> {
  const keys = await admin.keys();
  assert.ok(keys.length > least);
  for (let at = 0; at < keys.length; at += 500) {
    const lives = await Promise.all(keys.slice(at, at + 500).map(({ key, client }) => client.pTTL(key)));
    assert.ok(
      lives.every((ms) => ms > 0),
      'a key lives for ever',
    );
  }
}

function readFiles(folder: string): { name: string; text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'latin1') }));
}
