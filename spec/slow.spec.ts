/** F-11, F-12 and attack 13 with somebody else's tool: 1000 slow connections, and sign-ins all the while. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { withApart, type Apart } from './helpers/apart.ts';
import { deadline, equal, is, match, ok } from './helpers/assert.ts';
import { suite } from './helpers/suite.ts';
import { visit } from './helpers/wire.ts';

const tool = '/usr/bin/slowhttptest';
const connections = 1000;
// `limits.connections`, and the one that is being let in.
const mostOpen = 512 + 1;

const common = ['-c', `${connections}`, '-r', '400', '-l', '7', '-p', '3', '-v', '1'];

interface Mode {
  name: string;
  flags: readonly string[];
  /** Whether the server expects a form, so that it waits for a body. */
  form: boolean;
}

const modes: readonly Mode[] = [
  { name: 'headers that never end (-H)', flags: ['-H', '-i', '1'], form: false },
  { name: 'bodies that nobody expects (-B)', flags: ['-B', '-i', '1', '-s', '8192'], form: false },
  { name: 'bodies that never end (-B)', flags: ['-B', '-i', '1', '-s', '8192'], form: true },
  {
    name: 'pages that are hardly read (-X)',
    flags: ['-X', '-k', '10', '-w', '10', '-y', '20', '-n', '1', '-z', '32'],
    form: false,
  },
];

const test = suite('slow connections (slowhttptest)');

for (const mode of modes) {
  test.when(existsSync(tool), `no ${tool} here: apt-get install slowhttptest`)(
    `serves sign-ins in under a second beside 1000 connections with ${mode.name}`,
    () => withApart((apart) => withstand(apart, mode)),
    { deadline: 60_000 },
  );
}

async function withstand(apart: Apart, { flags, form }: Mode): Promise<void> {
  const { port } = await apart.serve();
  if (form) await apart.begin({ responseMode: 'form_post' });
  const waiting = await apart.begin();
  const seen = { signIns: 0, slowest: 0 };
  const signIn = async (): Promise<void> => {
    const flow = await apart.begin();
    seen.slowest = Math.max(seen.slowest, await complete(port, flow, `code-${++seen.signIns}`));
  };

  // A sign-in at every 25th connection, one after the other …
  let signIns = signIn();
  const another = (): void => {
    signIns = signIns.then(signIn);
    // It is awaited below, and until then its failure must not end the process.
    signIns.catch(() => undefined);
  };
  const connected = new Promise<void>((resolve) => {
    apart.onConnections((sockets) => {
      if (sockets.seen >= connections) resolve();
      else another();
    });
  });
  const attack = new Attack(`http://127.0.0.1:${port}/callback?code=slow&state=nobody-waits-for-this`, flags);
  try {
    await Promise.race([connected, attack.ended]);
    await signIns;
    // … then with all of them there, whenever the tool has something to say, and when it has given up.
    for (let index = 0; index < 30; index++) await signIn();
    attack.onOutput(another);
    await attack.ended;
    await signIns;
    await signIn();
  } finally {
    await attack.stop();
  }
  seen.slowest = Math.max(seen.slowest, await complete(port, waiting, 'the-one-that-waited'));

  ok(seen.slowest < 1000, `the slowest sign-in took ${seen.slowest} ms`);
  const { accepted, connections: sockets } = await apart.report();
  is(accepted, seen.signIns + 1, 'every sign-in was accepted, and nothing else');
  ok(seen.signIns > 60, `${seen.signIns} sign-ins during the attack`);
  ok(sockets.seen >= connections + seen.signIns, `${sockets.seen} connections came`);
  ok(sockets.most <= mostOpen, `${sockets.most} were open at once`);
  const said = stripVTControlCharacters(attack.output);
  match(said, /service available:\s+YES/);
  ok(!/service available:\s+NO/.test(said), said);
  is(await apart.close(), 'exit code 0, signal null');
}

/** The browser comes back; milliseconds until the page and the response are there. */
async function complete(port: number, flow: Awaited<ReturnType<Apart['begin']>>, code: string) {
  const start = performance.now();
  const answer = await visit(port, `/callback?code=${code}&state=${flow.state}`);
  equal([answer.status, flow.state], [200, flow.state]);
  equal(await deadline(flow.delivered, 10_000, 'the response'), { code, state: flow.state });
  return performance.now() - start;
}

/** One run of slowhttptest. */
class Attack {
  readonly #child;
  readonly ended: Promise<unknown>;
  output = '';

  constructor(url: string, flags: readonly string[]) {
    this.#child = spawn(tool, [...common, '-u', url, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.onOutput((chunk) => (this.output += chunk));
    this.ended = once(this.#child, 'close');
  }

  onOutput(watcher: (chunk: string) => void): void {
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', watcher);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

test.run();
