import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Page } from 'playwright-core';
import { launch } from '../../spec/browser/chromium.ts';
import { ensureBuild, root } from '../../spec/helpers/consumer.ts';
import type { ServerEvent } from '../../src/index.ts';
import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { People } from '../programs/people.ts';
import { token } from '../service.ts';
import { short } from '../table.ts';

const perSecond = 500;
const longest = 1;

/** What one of them says of all sign-ins. */
interface Count {
  waiting: number;
  accepted: number;
  refused: number;
  cancelled: number;
}

/** `serve`, and all that an operator has of it at once. People know best what has happened: all must say the same. */
export const operators: Measure = async ({ minutes, tell }) => {
  ensureBuild();
  await using service = command('serve', '--json', '--log-level', 'error');
  const [ready] = (await once(service.lines, 'line')) as [string];
  const { bridgeUrl, monitorUrl, metricsUrl } = JSON.parse(ready) as Record<string, string>;
  await using watching = command('watch', '--history', bridgeUrl!);
  const watched = new Watched();
  watching.lines.on('line', (line: string) => watched.add(JSON.parse(line) as ServerEvent));
  await using browser = await launch();
  const page = await browser.newPage();
  await page.goto(monitorUrl!);
  await page.locator('#status[data-state=live]').waitFor();

  await using people = new Child<People>('people');
  const count = Math.round(perSecond * 60 * Math.min(minutes, longest));
  const since = performance.now();
  const had = await people.ask('signIn', bridgeUrl!, count, perSecond);
  const seconds = (performance.now() - since) / 1_000;
  const truth = { waiting: 0, accepted: had.accepted, refused: had.refused, cancelled: had.cancelled };
  // One that says that the service listens, and three or more of each sign-in.
  const events = 1 + had.begun + had.accepted * 2 + had.refused + had.cancelled;
  await Promise.all([watched.has(events), shows(page, events)]);

  const said: Record<string, Count> = {
    people: truth,
    watch: watched.count(),
    page: await countOf(page),
    metrics: await metered(metricsUrl!),
  };
  for (const [who, each] of Object.entries(said)) tell(`${who}: ${JSON.stringify(each)}`);
  const line = { measure: 'operators', against: '' };
  return [
    {
      ...line,
      what: 'numbers in which page, watch or metrics are wrong',
      value: Object.values(said).reduce((sum, each) => sum + differences(each, truth), 0),
      reach: { most: 0 },
      ours: `${short(had.begun)} sign-ins, ${short(events)} events`,
    },
    {
      ...line,
      what: 'events that watch has twice',
      value: watched.doubled,
      reach: { most: 0 },
      ours: `${short(had.refused)} refused, ${short(had.cancelled)} cancelled, ${short(had.denied)} denied`,
    },
    {
      ...line,
      what: 'sign-ins/s',
      value: had.begun / seconds,
      reach: { least: perSecond * 0.95 },
      ours: `${short(seconds)} s, ${short(had.late)} ms late at the end`,
    },
  ];
};

function differences(one: Count, other: Count): number {
  return (Object.keys(other) as (keyof Count)[]).filter((name) => one[name] !== other[name]).length;
}

/** The command, as it is built. */
function command(...args: readonly string[]) {
  const env = { ...process.env, RX_OAUTH_CALLBACK_TOKEN: token };
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.cjs'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    lines: createInterface({ input: child.stdout }),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What `watch` has written. */
class Watched {
  readonly #seen = new Set<string>();
  readonly #count: Count = { waiting: 0, accepted: 0, refused: 0, cancelled: 0 };
  #events = 0;
  doubled = 0;
  #looks: () => void = () => undefined;

  add(event: ServerEvent): void {
    this.#events++;
    const count = this.#count;
    if (event.type === 'redirect') count[event.disposition === 'accepted' ? 'accepted' : 'refused']++;
    else if (event.type !== 'listening') {
      if (event.type === 'begun') count.waiting++;
      else count.waiting--;
      if (event.type === 'cancelled') count.cancelled++;
      const name = `${event.type} ${'flow' in event ? event.flow : ''}`;
      if (this.#seen.has(name)) this.doubled++;
      this.#seen.add(name);
    }
    this.#looks();
  }

  count(): Count {
    return { ...this.#count };
  }

  /** Rejects where they do not come. */
  has(events: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`watch has ${this.#events} events, not ${events}`)),
        10_000,
      );
      this.#looks = () => {
        if (this.#events < events) return;
        clearTimeout(late);
        resolve();
      };
      this.#looks();
    });
  }
}

async function shows(page: Page, events: number): Promise<void> {
  const text = `${events.toLocaleString('en')} received`;
  await page.locator('#shown', { hasText: new RegExp(`^${text}`) }).waitFor({ timeout: 10_000 });
}

async function countOf(page: Page): Promise<Count> {
  const of = async (name: string): Promise<number> => {
    const group = page.locator('#tallies > div', { hasText: name });
    return Number((await group.locator('dd').innerText()).replaceAll(',', ''));
  };
  return {
    waiting: await of('Waiting'),
    accepted: await of('Accepted'),
    refused: await of('Refused'),
    cancelled: await of('Cancelled'),
  };
}

async function metered(url: string): Promise<Count> {
  const text = await (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).text();
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  const redirects = (disposition: string): number =>
    sum(new RegExp(`^rx_oauth_callback_redirects_total\\{disposition="${disposition}".*\\} (\\d+)$`, 'gm'));
  return {
    waiting: sum(/^rx_oauth_callback_flows_pending (\d+)$/gm),
    accepted: redirects('accepted'),
    refused: redirects('(?!accepted)\\w+'),
    cancelled: sum(/^rx_oauth_callback_flows_ended_total\{ending="cancelled".*\} (\d+)$/gm),
  };
}
