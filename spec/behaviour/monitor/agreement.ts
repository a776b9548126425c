/** Brings everything that shows a service to an operator into the same words, so that it can be compared. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { WebSocket } from 'ws';
import type { ServerEvent } from '../../../src/index.ts';
import { tallies } from './watching.ts';
import { patience } from '../../helpers/assert.ts';

/** Parts of an event that do not depend on the moment. */
interface Happened {
  readonly type: string;
  readonly disposition?: string | undefined;
  readonly reason?: string | undefined;
  readonly outcome?: string | undefined;
  readonly error?: string | undefined;
  readonly flowId?: string | undefined;
}

/** As `redirect malformed missing_code` or `answered error access_denied of FLOW`. */
export function nameOf({ type, disposition, reason, outcome, error, flowId: flow }: Happened): string {
  const kind = [type, disposition, reason, outcome, error].filter(Boolean).join(' ');
  return flow === undefined ? kind : `${kind} of ${flow}`;
}

export const nameOfLine = (line: string): string => nameOf(JSON.parse(line) as ServerEvent);

/** How many there were of each kind; a kind that is not there had none. */
export type Told = ReadonlyMap<string, number>;

function add(counts: Map<string, number>, kind: string, count: number): void {
  counts.set(kind, (counts.get(kind) ?? 0) + count);
}

/** Counts events by kind and detail, and the flows that are pending. */
export function told(names: Iterable<string>): Told {
  const counts = new Map<string, number>([['waiting', 0]]);
  for (const name of names) {
    const [kind = ''] = name.split(' of ');
    // Metrics do not count these.
    if (kind === 'listening') continue;
    add(counts, kind, 1);
    if (kind === 'begun') add(counts, 'waiting', 1);
    else if (/^(?:answered|expired|cancelled)/.test(kind)) add(counts, 'waiting', -1);
  }
  return counts;
}

/** The same from the metrics of a service. */
export function metered(text: string): Told {
  const counts = new Map<string, number>();
  for (const [, metric = '', labels = '', value] of text.matchAll(
    /^rx_oauth_callback_(\w+)(?:\{(.*)\})? (\d+)$/gm,
  )) {
    const values = [...labels.matchAll(/"([^"]*)"/g)].map(([, each = '']) => each);
    const kind = kindOf(metric, values);
    if (kind !== undefined) add(counts, kind, Number(value));
  }
  return counts;
}

function kindOf(metric: string, labels: readonly string[]): string | undefined {
  const [first = ''] = labels;
  const kind = (...before: string[]): string => [...before, ...labels].filter(Boolean).join(' ');
  if (metric === 'flows_pending') return 'waiting';
  if (metric === 'flows_begun_total') return 'begun';
  if (metric === 'redirects_total') return kind('redirect');
  if (metric === 'sign_ins_settled_total') return kind('settled');
  if (metric !== 'flows_ended_total') return undefined;
  if (first === 'code' || first === 'error') return kind('answered');
  return first === 'expired' ? first : kind('cancelled');
}

/** Reduces counts to those that the heads of the page and of a terminal have room for. */
export function brief(all: Told): Told {
  const counts = new Map<string, number>();
  for (const [kind, count] of all) {
    const [type = '', disposition = '', reason] = kind.split(' ');
    const outcome = outcomeOf(kind);
    if (outcome !== undefined) add(counts, outcome, count);
    // Counted as a success before.
    if (kind === 'settled failure') add(counts, 'succeeded', -count);
    if (type === 'waiting') add(counts, type, count);
    else if (disposition === 'accepted') add(counts, 'accepted', count);
    else if (type === 'redirect') {
      add(counts, 'refused', count);
      add(counts, `refused: ${spoken(reason ?? disposition)}`, count);
    }
  }
  return counts;
}

/** The outcome of a sign-in that an event of this kind decides. */
function outcomeOf(kind: string): string | undefined {
  if (kind === 'answered code') return 'succeeded';
  if (kind === 'answered error access_denied') return 'denied';
  if (/^(?:answered error|settled failure|cancelled lost)/.test(kind)) return 'failed';
  const [type = ''] = kind.split(' ');
  return type === 'expired' || type === 'cancelled' ? type : undefined;
}

const spoken = (name: string): string => name.replaceAll('_', ' ');

function briefly(head: readonly (readonly [name: string, count: string])[], refusals: string): Told {
  const reasons = [...refusals.matchAll(/([\d,]+) ([a-z][a-z ]*)/g)];
  const all = [...head, ...reasons.map(([, count = '', reason]) => [`refused: ${reason}`, count] as const)];
  return new Map(all.map(([name, count]) => [name.toLowerCase(), Number(count.replaceAll(',', ''))]));
}

/** Reads the numbers at the head of the page. */
export async function headOfPage(page: Page): Promise<Told> {
  return briefly(Object.entries(await tallies(page)), await page.locator('#refusals').innerText());
}

/** Reads the last head that `watch` has drawn on a terminal of 500 columns. */
export function headOfTerminal(output: string): Told {
  const head = /waiting \d+ {2}accepted \d+ {2}refused \d+/g;
  const outcomes = /succeeded \d+ {2}denied \d+ {2}failed \d+ {2}expired \d+ {2}cancelled \d+/g;
  const counts = [head, outcomes].flatMap((each) => output.match(each)?.slice(-1) ?? []).join('  ');
  const [refusals = ''] = output.match(/refused: [\w ,]+/g)?.slice(-1) ?? [];
  return briefly(
    [...counts.matchAll(/(\w+) (\d+)/g)].map(([, name = '', count = '']) => [name, count]),
    refusals,
  );
}

/** Each number in which the one is not the other. */
export function differences(said: Told, truth: Told): string[] {
  return [...new Set([...said.keys(), ...truth.keys()])]
    .filter((kind) => (said.get(kind) ?? 0) !== (truth.get(kind) ?? 0))
    .map((kind) => `${kind}: ${said.get(kind) ?? 0}, not ${truth.get(kind) ?? 0}`);
}

/** Lists what is repeated or missing in a list; if nothing is, tells if the order differs. */
export function faults(had: readonly string[], expected: readonly string[]): string[] {
  const surplus = new Map<string, number>();
  for (const line of had) add(surplus, line, 1);
  for (const line of expected) add(surplus, line, -1);
  const found = [...surplus].flatMap(([line, count]) =>
    Array.from({ length: Math.abs(count) }, () => `${count > 0 ? 'too often' : 'lost'}: ${line}`),
  );
  const moved = had.findIndex((line, index) => line !== expected[index]);
  return found.length > 0 || moved < 0 ? found : [`out of order: ${had[moved]}`];
}

/** Returns number, name and flow of the last events of a feed, the latest first. */
export function latest(lines: readonly string[], count: number): string[] {
  return lines
    .map((line, n) => ({ line, n }))
    .slice(-count)
    .reverse()
    .map(({ line, n }) => {
      const { type, disposition, flowId: flow } = JSON.parse(line) as Happened;
      return `${n} ${spoken(disposition ?? type)} ${flow ?? ''}`.trim();
    });
}

/** The same of the table that the page shows. */
export function rowsOfPage(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(
    `[...document.querySelectorAll('#rows tr')].map(({ dataset, cells: [, name, flow] }) =>
      (dataset.n + ' ' + name.textContent + ' ' + flow.textContent).trim())`,
  );
}

/** The same of a terminal, which shows no numbers: from that of the last event on. */
export function rowsOfTerminal(screen: readonly string[], last: number): string[] {
  const row = /^\d\d:\d\d:\d\d\.\d{3} {2}(.{1,20})(?: {2}(\S*))?/;
  return screen
    .flatMap((line) => {
      const [, name = '', flow = ''] = row.exec(line) ?? [];
      return name === '' ? [] : [`${name.trim()} ${flow}`];
    })
    .map((text, index) => `${last - index} ${text}`.trim());
}

/** Lines as they come. */
export class Lines {
  readonly all: string[] = [];
  #look: () => void = () => undefined;

  readonly add = (line: string): void => {
    this.all.push(line);
    this.#look();
  };

  /** Resolves once there are so many, or after a while all the same: what is lost is then seen by comparing. */
  async has(count: number, ms = patience): Promise<void> {
    const late = new AbortController();
    const there = new Promise<void>((resolve) => {
      this.#look = () => this.all.length >= count && resolve();
      this.#look();
    });
    const given = setTimeout(ms, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([there, given]);
    late.abort();
  }
}

/** The feed itself, from its first event on: the one that says which number each event has. */
export class NumberedFeed extends Lines implements Disposable {
  readonly #socket: WebSocket;
  /** Numbers that are not those of the event that comes next. */
  readonly misnumbered: string[] = [];

  private constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#hear(data.toString()));
  }

  static async open(bridgeUrl: string, token: string): Promise<NumberedFeed> {
    const headers = { Authorization: `Bearer ${token}` };
    const socket = new WebSocket(bridgeUrl, 'rx-oauth-callback.v1', { headers });
    const feed = new NumberedFeed(socket);
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'watch', since: 0 }));
    return feed;
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  #hear(text: string): void {
    const message = JSON.parse(text) as { type: string; n: number; event: ServerEvent };
    if (message.type !== 'event') return;
    const { n, event } = message;
    if (n !== this.all.length) this.misnumbered.push(`${n} in place of ${this.all.length}`);
    this.add(JSON.stringify(event));
  }
}

// The page keeps 5,000 rows. By what it receives and not by the clock, since it may be late with all of them at once.
const betweenSaves = 2_000;

// Scripts of the page are text here. The rows of the button are taken before they become a file.
const saveOften = `{
  const { createObjectURL } = URL;
  globalThis.allSaved = Promise.resolve();
  URL.createObjectURL = (blob) => {
    globalThis.allSaved = allSaved.then(async () => rowsSaved(await blob.text()));
    return createObjectURL(blob);
  };
  HTMLAnchorElement.prototype.click = () => undefined;
  const press = () => document.getElementById('save').click();
  globalThis.saveNow = () => (press(), allSaved);
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      let received = 0;
      this.addEventListener('message', () => ++received % ${betweenSaves} === 0 && press());
    }
  };
}`;

/** All rows that a page has had, put together from what its button saves again and again. */
export class SavedRows {
  readonly all: string[] = [];
  /** Rows that were others when they were saved again, and whether some had gone before they were saved. */
  readonly amiss: string[] = [];
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  /** Before the page is opened. */
  static async of(page: Page): Promise<SavedRows> {
    const rows = new SavedRows(page);
    await page.exposeFunction('rowsSaved', (text: string) => rows.#add(text.trimEnd().split('\n')));
    await page.addInitScript({ content: saveOften });
    return rows;
  }

  /** Saves the rows that the page has now, too. */
  async save(): Promise<void> {
    await this.#page.evaluate('saveNow()');
  }

  #add(rows: readonly string[]): void {
    const { all } = this;
    // There is one such row for a flow, so that it is the same row in both.
    const known = all.findLastIndex((row) => row.startsWith('{"type":"begun"'));
    const at = known < 0 ? 0 : rows.indexOf(all[known]!);
    if (at < 0) this.amiss.push('rows that were never saved');
    const from = at < 0 ? all.length : Math.max(0, known - at);
    const changed = all.slice(from).find((row, index) => row !== rows[index]);
    if (changed !== undefined) this.amiss.push(`changed: ${changed}`);
    for (const [index, row] of rows.entries()) all[from + index] = row;
  }
}

/** Reads until it is as it must be, or for some seconds; what was read last. */
export async function read(truth: Told, say: () => Promise<Told> | Told, ms = patience): Promise<Told> {
  const end = Date.now() + ms;
  for (;;) {
    const said = await say();
    if (differences(said, truth).length === 0 || Date.now() > end) return said;
    // Page and terminal draw four times a second.
    await setTimeout(100);
  }
}
