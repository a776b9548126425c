/** F-11, F-12 and attack 13 with somebody else's tool: 1000 slow connections, and sign-ins all the while. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { withApart, type Apart } from '../helpers/apart.ts';
import { deadline, equal, is, match, ok } from '../helpers/assert.ts';
import { visit } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';

const tool = '/usr/bin/slowhttptest';
const connections = 1000;
// `limits.connections`, and the one that is being let in.
const mostOpen = 512 + 1;

const common = ['-c', `${connections}`, '-r', '400', '-l', '60', '-p', '3', '-v', '1'];

interface Mode {
  name: string;
  flags: readonly string[];
  /** True if the server expects a form, so that it waits for a body. */
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
    `serves every sign-in while 1000 connections attack with ${mode.name}`,
    () => withApart((apart) => withstand(apart, mode)),
    { deadline: 300_000 },
  );
}

async function withstand(apart: Apart, { flags, form }: Mode): Promise<void> {
  const { port } = await apart.serve();
  if (form) await apart.begin({ responseMode: 'form_post' });
  const waiting = await apart.begin();
  let count = 0;
  const signIn = async (): Promise<void> => {
    const flow = await apart.begin();
    await complete(port, flow, `code-${++count}`);
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
    // … then with all of them there, until the tool has looked for itself if the service is available.
    for (let index = 0; index < 30; index++) await signIn();
    await Promise.race([attack.probed, attack.ended]);
    await signIn();
    // Only the server may have ended it, by closing the last of its connections.
    ok(!attack.over || attack.output.includes('No open connections left'), 'the attack was over too early');
    await attack.interrupt();
    await signIn();
  } finally {
    await attack.stop();
  }
  await complete(port, waiting, 'the-one-that-waited');

  const { accepted, connections: sockets } = await apart.report();
  is(accepted, count + 1, 'every sign-in was accepted, and nothing else');
  ok(count > 60, `${count} sign-ins during the attack`);
  ok(sockets.seen >= connections + count, `${sockets.seen} connections came`);
  ok(sockets.most <= mostOpen, `${sockets.most} were open at once`);
  const said = stripVTControlCharacters(attack.output);
  match(said, /service available:\s+YES/);
  ok(!/service available:\s+NO/.test(said), said);
  is(await apart.close(), 'exit code 0, signal null');
}

/** The browser comes back, and both it and the program get what is theirs. */
async function complete(
  port: number,
  flow: Awaited<ReturnType<Apart['begin']>>,
  code: string,
): Promise<void> {
  const answer = await visit(port, `/callback?code=${code}&state=${flow.state}`);
  equal([answer.status, flow.state], [200, flow.state]);
  equal(await deadline(flow.delivered, 'the response'), { code, state: flow.state });
}

/** A run of slowhttptest. */
class Attack {
  readonly #child;
  readonly ended: Promise<unknown>;
  /** Resolves once the tool has reported, while its connections were there, if the service is available. */
  readonly probed: Promise<void>;
  over = false;
  output = '';

  constructor(url: string, flags: readonly string[]) {
    this.#child = spawn(tool, [...common, '-u', url, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.#child, 'close').then(() => (this.over = true));
    this.probed = new Promise((resolve) => {
      for (const stream of [this.#child.stdout, this.#child.stderr])
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          this.output += chunk;
          // The first report is made before anything is connected.
          if (this.output.split('service available').length > 2) resolve();
        });
    });
  }

  /** Ends it as Ctrl-C does. */
  async interrupt(): Promise<void> {
    this.#child.kill('SIGINT');
    await deadline(this.ended, 'the end of the attack');
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

test.run();
