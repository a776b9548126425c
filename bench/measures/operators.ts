import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { createClient } from 'redis';
import { launch } from '../../spec/browser/chromium.ts';
import { ensureBuild, root } from '../../spec/helpers/consumer.ts';
import { hasRedis, RedisServer } from '../../spec/helpers/redis-server.ts';
import { screenOf } from '../../spec/helpers/screen.ts';
import {
  brief,
  differences,
  faults,
  headOfPage,
  headOfTerminal,
  latest,
  Lines,
  metered,
  nameOfLine,
  NumberedFeed,
  read,
  rowsOfPage,
  rowsOfTerminal,
  SavedRows,
  told,
} from '../../spec/behaviour/monitor/agreement.ts';
import { Child } from '../child.ts';
import type { Context, Measure } from '../context.ts';
import type { Had, PeopleProgram } from '../programs/people.ts';
import { token } from '../service.ts';
import { short } from '../table.ts';

const longest = 1;
const perSecond = 500;
// A store makes each sign-in more expensive, and Redis needs processor time too.
const perSecondStored = 100;
const secondsStored = 10;
const waitOn = 7;
const mostTold = 20;
const patience = 30_000;

interface Load {
  count: number;
  perSecond: number;
  /** Store of the flows. At the end of the run it loses the pending ones. */
  redis?: RedisServer;
}

/** Result of a run: differences between the sign-ins and an operator's view of them. */
interface Seen extends Pick<Had, 'seconds' | 'late'> {
  /** Wrong numbers, each with the place that shows it. */
  wrong: string[];
  /** Events that are doubled, lost or out of order, each with the place that shows it. */
  faults: string[];
  signIns: number;
  events: number;
}

/** Compares everything that `serve` shows an operator with the sign-ins that really happened. */
export const operators: Measure = async ({ minutes, tell }) => {
  ensureBuild();
  const count = Math.round(perSecond * 60 * Math.min(minutes, longest));
  const minute = await seen({ count, perSecond }, tell);
  const line = { measure: 'operators', against: '' };
  const lines = [
    ...checked('', minute),
    {
      ...line,
      what: 'sign-ins/s',
      value: count / minute.seconds,
      reach: { least: perSecond * 0.95 },
      ours: `${short(minute.seconds)} s, ${short(minute.late)} ms late at the end`,
    },
  ];
  if (!hasRedis) return lines;
  await using redis = await RedisServer.start();
  const stored = { count: perSecondStored * secondsStored, perSecond: perSecondStored, redis };
  return [...lines, ...checked(', flows lost by Redis', await seen(stored, tell))];
};

function checked(which: string, { wrong, faults: found, signIns, events }: Seen) {
  const line = { measure: 'operators', against: '', reach: { most: 0 } };
  const ours = `${short(signIns)} sign-ins, ${short(events)} events`;
  return [
    { ...line, what: `numbers that are wrong${which}`, value: wrong.length, ours },
    { ...line, what: `events doubled, lost or out of order${which}`, value: found.length, ours },
  ];
}

async function seen(load: Load, tell: Context['tell']): Promise<Seen> {
  const { count, redis } = load;
  const store = redis ? ['--redis', redis.url, '--redis-poll', '200'] : [];
  const args = ['--json', '--log-level', 'error', ...store];
  await using service = cli('serve', ...args);
  const [ready] = (await once(linesOf(service), 'line')) as [string];
  const { bridgeUrl, monitorUrl, metricsUrl } = JSON.parse(ready) as Record<string, string>;
  using feed = await NumberedFeed.open(bridgeUrl!, token);
  await using piped = cli('watch', '--history', bridgeUrl!);
  const watched = new Lines();
  linesOf(piped).on('line', watched.add);
  await using terminal = new Terminal('watch', '--history', bridgeUrl!);
  await using browser = await launch();
  const page = await browser.newPage();
  const rows = await SavedRows.of(page);
  await page.goto(monitorUrl!);
  await page.locator('#status[data-state=live]').waitFor();

  await using people = new Child<PeopleProgram>('people');
  const had = await people.ask('signIn', bridgeUrl!, count, load.perSecond, waitOn);
  if (redis) await forgets(redis);
  const names = ['listening', ...had.events, ...(redis ? await people.ask('lost') : [])];
  await Promise.all([feed, watched].map((lines) => lines.has(names.length, patience)));

  const truth = told(names);
  const metrics = async (): Promise<string> => {
    const headers = { Authorization: `Bearer ${token}` };
    return (await fetch(metricsUrl!, { headers })).text();
  };
  const said = {
    watch: [told(watched.all.map(nameOfLine)), truth],
    metrics: [await read(truth, async () => metered(await metrics()), patience), truth],
    'watch on a terminal': [
      await read(brief(truth), () => headOfTerminal(terminal.written), patience),
      brief(truth),
    ],
    page: [await read(brief(truth), () => headOfPage(page), patience), brief(truth)],
  } as const;
  await rows.save();
  const shown = await rowsOfPage(page);
  const drawn = rowsOfTerminal(screenOf(await terminal.end()), feed.all.length - 1);
  const wrong = Object.entries(said).flatMap(([who, [each, right]]) =>
    differences(each, right).map((difference) => `${who}, ${difference}`),
  );
  const found = Object.entries({
    numbers: feed.misnumbered,
    feed: faults(feed.all.map(nameOfLine).sort(), names.sort()),
    watch: faults(watched.all, feed.all),
    'rows of the page': [...rows.amiss, ...faults(rows.all, feed.all)],
    'table of the page': faults(shown, latest(feed.all, shown.length)),
    'table of a terminal': faults(drawn, latest(feed.all, drawn.length)),
    'nothing is shown in': Object.entries({ page: shown, terminal: drawn }).flatMap(([which, { length }]) =>
      length > 0 ? [] : which,
    ),
  }).flatMap(([who, each]) => each.map((fault) => `${who}, ${fault}`));
  tell([...truth].map(([kind, number]) => `${short(number)} ${kind}`).join(', '));
  for (const what of [...wrong, ...found].slice(0, mostTold)) tell(what);
  await people.ask('leave');
  const { seconds, late } = had;
  return { wrong, faults: found, signIns: truth.get('begun')!, events: names.length, seconds, late };
}

async function forgets(redis: RedisServer): Promise<void> {
  const admin = await createClient({ url: redis.url }).connect();
  await admin.flushAll();
  admin.destroy();
}

type Command = ChildProcessByStdio<Writable, Readable, null> & AsyncDisposable;

/** Starts a program, which is killed when it is disposed. */
function start(file: string, ...args: readonly string[]): Command {
  const env = { ...process.env, RX_OAUTH_CALLBACK_TOKEN: token, NO_COLOR: '1', TERM: 'xterm' };
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return Object.assign(child, { [Symbol.asyncDispose]: dispose });
}

const bin = join(root, 'dist', 'cli.cjs');

/** Starts the built CLI. */
function cli(...args: readonly string[]): Command {
  return start(process.execPath, bin, ...args);
}

function linesOf({ stdout }: Command): ReturnType<typeof createInterface> {
  return createInterface({ input: stdout });
}

/** The CLI on a terminal that is wide enough for all numbers. */
class Terminal implements AsyncDisposable {
  written = '';
  readonly #command: Command;

  constructor(...args: readonly string[]) {
    const driver = join(root, 'spec', 'helpers', 'terminal.py');
    this.#command = start('python3', driver, '24', '500', process.execPath, bin, ...args);
    this.#command.stdout.setEncoding('utf8').on('data', (text: string) => (this.written += text));
  }

  /** Stops the command. Returns everything that it has written. */
  async end(): Promise<string> {
    const closed = once(this.#command, 'close');
    this.#command.stdin.write('\x03');
    await closed;
    return this.written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command[Symbol.asyncDispose]();
  }
}
