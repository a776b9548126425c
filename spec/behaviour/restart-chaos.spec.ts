/**
 * A service whose flows are in a file, killed at any moment and started again. `npm run chaos -- restart` kills it 1,000 times, the suite
 * a twentieth.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectCallbackHost } from '../../src/client.ts';
import type { CallbackHost, Flow } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { token } from '../helpers/bridge.ts';
import { chaosCount, chaosDeadline } from '../helpers/chaos.ts';
import { Folder } from '../helpers/cli.ts';
import { hastened } from '../helpers/clock.ts';
import { complains } from '../helpers/complains.ts';
import { Crowd } from '../helpers/http.ts';
import { freePort } from '../helpers/redis-server.ts';
import { newState } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedProgram, type Change } from '../helpers/weakened.ts';

const test = suite('a service whose flows are in a file');

const kills = chaosCount(1_000);
/** Sign-ins at the same time. */
const lanes = 24;
/** Sign-ins that end before the next kill, at most. */
const perKill = 10;
/** Programs that have connected. */
const programs = 4;

/** A sign-in, and what became of it. */
interface Fate {
  readonly state: string;
  readonly codes: (string | undefined)[];
  /** Redirects that were answered 200. */
  accepted: number;
  end: string | undefined;
}

class Service implements AsyncDisposable {
  readonly port: number;
  readonly #program: string;
  readonly #file: string;
  #child: ChildProcess | undefined;

  constructor(folder: Folder, port: number, text: string) {
    this.port = port;
    this.#program = join(folder.path, 'node.mjs');
    this.#file = join(folder.path, 'store', 'flows.db');
    writeFileSync(this.#program, text);
  }

  async start(): Promise<void> {
    const args = [this.#program, this.#file, String(this.port), token];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    await assert.deadline(once(createInterface(child.stdout), 'line'), 'a service that listens', 60_000);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    assert.is(child.exitCode, null, 'the service has ended by itself');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

const turn = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Begins a flow as a program that tries again. */
async function begin(host: CallbackHost): Promise<Flow> {
  for (;;) {
    try {
      return await host.begin({ state: newState() });
    } catch (error) {
      assert.is((error as { code: string }).code, 'store_unavailable', String(error));
      await turn(5);
    }
  }
}

/** Signs in as a user does whose browser is told to try again. Each attempt has another code. */
async function signIn(crowd: Crowd, port: number, host: CallbackHost): Promise<Fate> {
  const flow = await begin(host);
  const fate: Fate = { state: flow.state, codes: [], accepted: 0, end: undefined };
  const over = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      fate.end = how;
      resolve();
    };
    flow.response.subscribe({
      next: ({ code }) => fate.codes.push(code),
      error: (error: unknown) => end((error as { code: string }).code),
      complete: () => end('completed'),
    });
  });
  for (let attempt = 0; ; attempt++) {
    const url = `http://127.0.0.1:${port}/callback?code=${attempt}-of-${flow.state}&state=${flow.state}`;
    const status = await crowd.status(url);
    if (status === 200) fate.accepted++;
    // 400 after an answer that was lost: an attempt before has been accepted.
    if (status === 200 || status === 400) break;
    await turn(5);
  }
  await assert.deadline(over, `an end of ${flow.state}`, 30_000);
  // Once more, as a browser does that is opened again.
  const again = await crowd.status(`http://127.0.0.1:${port}/callback?code=again&state=${flow.state}`);
  if (again === 200) fate.accepted++;
  return fate;
}

async function chaos(times: number, ...changes: readonly Change[]): Promise<Fate[]> {
  using folder = new Folder();
  using crowd = new Crowd({ keepAlive: false, connections: 64 });
  const text = await weakenedProgram('file-node.ts', ...changes);
  await using service = new Service(folder, await freePort(), text);
  await service.start();
  const hosts = await Promise.all(
    Array.from({ length: programs }, () =>
      connectCallbackHost(`ws://127.0.0.1:${service.port}/bridge`, { token, scheduler: hastened(200) }),
    ),
  );
  const fates: Fate[] = [];
  let isOver = false;
  const lane = async (n: number): Promise<void> => {
    while (!isOver) fates.push(await signIn(crowd, service.port, hosts[n % programs]!));
  };
  const all = Promise.all(Array.from({ length: lanes }, (_, n) => lane(n)));
  all.catch(() => undefined);
  try {
    for (let n = 0; n < times; n++) {
      // Waits for sign-ins to end, so that the service has some in each of its lives, and is killed at any moment of others.
      const enough = fates.length + Math.random() * perKill;
      while (fates.length < enough) await Promise.race([all, turn(1)]);
      await Promise.race([all, turn(Math.random() * 20)]);
      await service.kill();
      await service.start();
    }
    isOver = true;
    await all;
  } finally {
    isOver = true;
    await Promise.all(hosts.map((host) => host.close()));
  }
  return fates;
}

function check(fates: readonly Fate[]): void {
  const count = (which: (fate: Fate) => boolean): number => fates.filter(which).length;
  const found = {
    lost: count(({ codes, end }) => codes.length === 0 || end !== 'completed'),
    doubled: count(({ codes, accepted }) => codes.length > 1 || accepted > 1),
    foreign: count(({ codes, state }) => codes.some((code) => !code?.endsWith(`-of-${state}`))),
  };
  assert.equal(found, { lost: 0, doubled: 0, foreign: 0 });
}

test(
  `L-14 L-15 loses no sign-in and doubles none, although it is killed ${kills.toLocaleString('en')} times`,
  async () => {
    const fates = await chaos(kills);
    console.log(`  ${kills} kills, ${fates.length} sign-ins`);
    check(fates);
    assert.ok(fates.length > kills * 2, `only ${fates.length} sign-ins`);
  },
  { deadline: chaosDeadline(240_000) },
);

test(
  'L-15 rejects a store that answers before the file has what it says',
  () =>
    complains(
      async () =>
        check(
          await chaos(
            3,
            edit(
              `this.prepare('COMMIT').run();`,
              `setTimeout(() => { try { this.prepare('COMMIT').run(); } catch {} }, 1_000);`,
            ),
            edit(
              `this.prepare('BEGIN IMMEDIATE').run();`,
              `try { this.prepare('BEGIN IMMEDIATE').run(); } catch {}`,
            ),
          ),
        ),
      /lost|an end of/,
    ),
  { deadline: 120_000 },
);

test.run();
