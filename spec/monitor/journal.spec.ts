/** What the monitor page makes of the feed, without a browser: its counts, waiting times, seconds and rows. */
import type { FeedStatus } from '../../src/client.ts';
import type { ServerEvent } from '../../src/index.ts';
import { Journal, matches, mostKept } from '../../src/monitor/journal.ts';
import { Ledger } from '../../src/monitor/ledger.ts';
import { Seconds } from '../../src/monitor/seconds.ts';
import { Waits } from '../../src/monitor/waits.ts';
import { duration, gapWords, wordsFor } from '../../src/monitor/words.ts';
import { equal, is, ok } from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('the feed on the monitor page');

type Of<T extends ServerEvent['type']> = Extract<ServerEvent, { type: T }>;

const begun = (flow: string, at = 0): ServerEvent => ({ type: 'begun', at, flow, expiresAt: at + 600_000 });
const settled = (flow: string, at = 0): ServerEvent => ({
  type: 'settled',
  at,
  flow,
  outcome: 'code',
  error: undefined,
});
const redirect = (
  disposition: Of<'redirect'>['disposition'],
  reason?: Of<'redirect'>['reason'],
  at = 0,
): ServerEvent => ({ type: 'redirect', at, disposition, flow: undefined, reason });

const status: FeedStatus = { counts: {}, reasons: {}, repeated: 0, missed: 0 };

test('counts what the service has had, and each later event once', () => {
  const ledger = new Ledger();
  ledger.stands({ ...status, counts: { begun: 9, accepted: 3, expired: 2 }, repeated: 2 });
  equal(
    [begun('8'), begun('9'), begun('10'), redirect('accepted'), settled('8')].map((each) => ledger.add(each)),
    [false, false, true, true, true],
  );
  equal([ledger.of('begun'), ledger.of('accepted'), ledger.of('expired')], [10, 4, 2]);
  ledger.add({ type: 'expired', at: 0, flow: '9' });
  ledger.add({ type: 'cancelled', at: 0, flow: '10', reason: 'cancelled' });
  equal([ledger.of('expired'), ledger.of('cancelled')], [3, 1]);
});

test('tells refusals by reason, where there is one, the most frequent first', () => {
  const ledger = new Ledger();
  const counts = { accepted: 5, held: 1, duplicate: 2, malformed: 3, refused: 1, listening: 1 };
  ledger.stands({ ...status, counts, reasons: { missing_code: 3, prefetch: 1 } });
  for (const each of [
    redirect('wrong_issuer'),
    redirect('refused', 'prefetch'),
    redirect('refused', 'prefetch'),
  ])
    ledger.add(each);
  is(ledger.refused, 9);
  equal(ledger.refusedFor, [
    ['missing code', 3],
    ['prefetch', 3],
    ['duplicate', 2],
    ['wrong issuer', 1],
  ]);
});

test('knows how long a flow has waited, where it has seen it begin', () => {
  const waits = new Waits();
  equal(
    [begun('1', 100), settled('1', 350), settled('1', 400), settled('2', 500)].map((each) => waits.of(each)),
    [undefined, 250, undefined, undefined],
  );
  waits.of(begun('3', 0));
  is(waits.of({ type: 'expired', at: 1_000, flow: '3' }), 1_000);
  waits.of(begun('4', 0));
  waits.clear();
  is(waits.of(settled('4', 1)), undefined);
});

test('puts events into the seconds of the service’s clock, however ours goes', () => {
  const ours = 5_000_000;
  const theirs = ours + 3_600_000;
  const seconds = new Seconds();
  // Sent again: it says nothing of what time it is now.
  seconds.add(redirect('accepted', undefined, theirs - 10_000), undefined);
  seconds.add(redirect('accepted', undefined, theirs), undefined, ours);
  for (const disposition of ['duplicate', 'held', 'malformed'] as const)
    seconds.add(redirect(disposition, undefined, theirs + 999), undefined, ours + 1_000);
  // Of another span, in which nothing is to be shown.
  seconds.add(redirect('held', undefined, theirs - 30_000), undefined);
  for (const waited of [1_000, 9_000, 3_000]) seconds.add(settled('1', theirs), waited, ours);
  const { x, accepted, refused, median, longest } = seconds.points(ours + 1_500);
  is(x.length, 60);
  const at = x.indexOf(theirs / 1_000);
  is(at, 59);
  equal([accepted[at], refused[at], median[at], longest[at]], [1, 2, 3, 9]);
  equal([accepted[at - 10], median[at - 10]], [1, null]);
  is(
    accepted.reduce((sum, each) => sum + each),
    2,
  );
  equal(seconds.spans(ours + 9_999), [
    { from: theirs / 1_000 - 10, accepted: 1, refused: 0, median: null, longest: null },
  ]);
  equal(seconds.spans(ours + 10_000), [
    { from: theirs / 1_000, accepted: 1, refused: 2, median: 3_000, longest: 9_000 },
    { from: theirs / 1_000 - 10, accepted: 1, refused: 0, median: null, longest: null },
  ]);
  // Five minutes later they have left, and are not kept.
  equal(Math.max(...seconds.points(ours + 301_500).accepted), 0);
  equal(seconds.spans(ours + 301_500), []);
});

for (const [what, theirs, ours] of [
  ['the service’s clock is set back', -3_600_000, 0],
  ['the service’s clock is set back a little', -5_000, 0],
  ['the service’s clock is set ahead', 3_600_000, 0],
  ['the page’s clock is set back', 0, -3_600_000],
  ['the page’s clock is set ahead', 0, 3_600_000],
] as const)
  test(`goes on where ${what}`, () => {
    const start = 5_000_000_000;
    const seconds = new Seconds();
    const add = (ms: number, [service, page] = [0, 0]): void =>
      seconds.add(redirect('accepted', undefined, start + ms + service), undefined, start + ms + page);
    for (const ms of [0, 1_000, 19_000]) add(ms);
    for (const ms of [40_000, 41_000, 41_000]) add(ms, [theirs, ours]);
    const now = start + ours + 42_000;
    const { x, accepted } = seconds.points(now);
    const last = (start + theirs) / 1_000 + 41;
    equal([x.at(-1), accepted.at(-1), accepted.at(-2)], [last, 2, 1]);
    const [row] = seconds.spans(now + 10_000);
    equal([row?.from, row?.accepted], [last - 1 - ((last - 1) % 10), 3]);
  });

test('shows nothing of before the clock was set back once it is so late again', () => {
  const seconds = new Seconds();
  const [before, after] = [5_000_600_000, 5_000_000_000];
  seconds.add(redirect('accepted', undefined, before), undefined, before);
  seconds.add(redirect('accepted', undefined, after), undefined, before);
  for (const passed of [2_000, 602_000]) {
    const { accepted } = seconds.points(before + passed);
    is(Math.max(...accepted), passed === 2_000 ? 1 : 0);
  }
});

test('keeps a bounded number of rows, and says what is missing between them', () => {
  const journal = new Journal();
  const most = mostKept * 3;
  for (let n = 0; n < most; n++) journal.add(begun(String(n)), undefined);
  journal.gap(3);
  journal.gap(undefined);
  equal([journal.received, journal.rows.length], [most, mostKept]);
  equal(
    [...journal.since(most - 2)].map(({ words }) => words.flow || words.detail),
    [gapWords(undefined), gapWords(3), String(most - 1)],
  );
  ok([...journal.since(-1)].length <= 2 * mostKept);
});

test('finds rows by kind and by words', () => {
  const journal = new Journal();
  journal.add(begun('abc'), undefined);
  journal.add(redirect('accepted'), undefined);
  journal.add(redirect('malformed', 'missing_code'), undefined);
  journal.add(redirect('held'), undefined);
  journal.gap(1);
  const found = (kind: string, text = ''): string[] =>
    journal.rows.filter((row) => matches(row, { kind, text })).map(({ words }) => words.name);
  equal(found(''), ['begun', 'accepted', 'malformed', 'held', '']);
  equal(found('refused'), ['malformed', '']);
  equal(found('accepted'), ['accepted', '']);
  equal(found('begun', 'ABC'), ['begun', '']);
  equal(found('', 'code missing'), ['malformed', '']);
  equal(found('', 'nothing of the kind'), ['']);
});

test('says things as people read them', () => {
  equal([0, 999, 1_000, 9_949, 20_000, 90_000, 7_200_000].map(duration), [
    '0 ms',
    '999 ms',
    '1.0 s',
    '9.9 s',
    '20 s',
    '2 min',
    '2 h',
  ]);
  equal(
    [gapWords(1), gapWords(1_200)],
    [
      '1 event was lost while the connection was away.',
      '1,200 events were lost while the connection was away.',
    ],
  );
  equal(
    wordsFor({ type: 'settled', at: 0, flow: '1', outcome: 'error', error: 'access_denied' }, 2_000).detail,
    'access_denied, after 2.0 s',
  );
  equal(wordsFor(redirect('wrong_redirect_uri')).name, 'wrong redirect uri');
});

test.run();
