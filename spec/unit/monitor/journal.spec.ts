/** Counts, waiting times, seconds and rows that the monitor page makes of the feed, without a browser. */
import type { FeedStatus } from '../../../src/client.ts';
import type { ServerEvent } from '../../../src/index.ts';
import { Journal, matches, maxKept } from '../../../src/monitor/journal.ts';
import { Totals } from '../../../src/monitor/totals.ts';
import { Seconds } from '../../../src/monitor/seconds.ts';
import { WaitingTimes } from '../../../src/monitor/waiting-times.ts';
import { duration, gapWording, wordingOf } from '../../../src/monitor/wording.ts';
import { FeedModel } from '../../../src/monitor/feed-model.ts';
import { frame } from '../../../src/cli/watch/screen.ts';
import { linesView } from '../../../src/cli/watch/lines.ts';
import { Source } from '../../../src/cli/watch/source.ts';
import { PassThrough } from 'node:stream';
import { noOutcomes } from '../../../src/model/sign-in-outcomes.ts';
import { equal, is, match, ok } from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the feed on the monitor page');

type Of<T extends ServerEvent['type']> = Extract<ServerEvent, { type: T }>;

const begun = (flow: string, at = 0): ServerEvent => ({
  type: 'begun',
  at,
  flowId: flow,
  expiresAt: at + 600_000,
});
const settled = (flow: string, at = 0): ServerEvent => ({
  type: 'answered',
  at,
  flowId: flow,
  outcome: 'code',
  error: undefined,
});
const redirect = (
  disposition: Of<'redirect'>['disposition'],
  reason?: Of<'redirect'>['reason'],
  at = 0,
): ServerEvent => ({ type: 'redirect', at, disposition, flowId: undefined, reason });

const status: FeedStatus = { counts: {}, reasons: {}, repeated: 0, missed: 0 };

test('counts earlier events of the service, and each later event once', () => {
  const totals = new Totals();
  totals.setStatus({ ...status, counts: { begun: 9, accepted: 3, expired: 2 }, repeated: 2 });
  equal(
    [begun('8'), begun('9'), begun('10'), redirect('accepted'), settled('8')].map((each) => totals.add(each)),
    [false, false, true, true, true],
  );
  equal([totals.of('begun'), totals.of('accepted'), totals.of('expired')], [10, 4, 2]);
  totals.add({ type: 'expired', at: 0, flowId: '9' });
  totals.add({ type: 'cancelled', at: 0, flowId: '10', reason: 'cancelled' });
  equal([totals.of('expired'), totals.of('cancelled')], [3, 1]);
});

test('lists rejections by reason, the most frequent first', () => {
  const totals = new Totals();
  const counts = { accepted: 5, held: 1, duplicate: 2, malformed: 3, refused: 1, listening: 1 };
  totals.setStatus({ ...status, counts, reasons: { missing_code: 3, prefetch: 1 } });
  for (const each of [
    redirect('wrong_issuer'),
    redirect('refused', 'prefetch'),
    redirect('refused', 'prefetch'),
  ])
    totals.add(each);
  is(totals.refused, 9);
  equal(totals.refusedFor, [
    ['missing code', 3],
    ['prefetch', 3],
    ['duplicate', 2],
    ['wrong issuer', 1],
  ]);
});

test('knows how long a flow has waited if it has seen the flow begin', () => {
  const times = new WaitingTimes();
  equal(
    [begun('1', 100), settled('1', 350), settled('1', 400), settled('2', 500)].map((each) =>
      times.waited(each),
    ),
    [undefined, 250, undefined, undefined],
  );
  times.waited(begun('3', 0));
  is(times.waited({ type: 'expired', at: 1_000, flowId: '3' }), 1_000);
  times.waited(begun('4', 0));
  times.clear();
  is(times.waited(settled('4', 1)), undefined);
});

test('knows the waiting times of the last 100,000 flows, and forgets older ones', () => {
  const times = new WaitingTimes();
  const count = 300_000;
  for (let n = 0; n < count; n++) times.waited(begun(String(n), n));
  const of = (n: number): number | undefined => times.waited(settled(String(n), n + 7));
  equal([count - 1, count - 100_000, count - 200_001, 0].map(of), [7, 7, undefined, undefined]);
});

test('puts events into the seconds of the service’s clock, whatever ours says', () => {
  const ours = 5_000_000;
  const theirs = ours + 3_600_000;
  const seconds = new Seconds();
  // Sent again: it says nothing of what time it is now.
  seconds.add(redirect('accepted', undefined, theirs - 10_000), undefined);
  seconds.add(redirect('accepted', undefined, theirs), undefined, ours);
  for (const disposition of ['duplicate', 'held', 'malformed'] as const)
    seconds.add(redirect(disposition, undefined, theirs + 999), undefined, ours + 1_000);
  // Outside of the shown span.
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
    {
      from: theirs / 1_000 - 10,
      accepted: 1,
      refused: 0,
      median: null,
      longest: null,
      outcomes: noOutcomes(),
    },
  ]);
  equal(seconds.spans(ours + 10_000), [
    { from: theirs / 1_000, accepted: 1, refused: 2, median: 3_000, longest: 9_000, outcomes: noOutcomes() },
    {
      from: theirs / 1_000 - 10,
      accepted: 1,
      refused: 0,
      median: null,
      longest: null,
      outcomes: noOutcomes(),
    },
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
  test(`goes on if ${what}`, () => {
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

test('shows no events from before the clock was set back when that time comes again', () => {
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
  equal([journal.kept, journal.first, journal.last], [0, 0, -1]);
  const most = maxKept * 3;
  for (let n = 0; n < most; n++) journal.add(begun(String(n)), undefined);
  journal.gap(3);
  journal.gap(undefined);
  equal([journal.received, journal.rows.length], [most, maxKept]);
  const [oldest] = journal.rows;
  equal([journal.kept, journal.first, journal.last], [maxKept, oldest?.n, most + 1]);
  equal(
    [...journal.since(most - 2)].map(({ wording }) => wording.flow || wording.detail),
    [gapWording(undefined), gapWording(3), String(most - 1)],
  );
  ok([...journal.since(-1)].length <= 2 * maxKept);
});

test('finds rows by kind and by words', () => {
  const journal = new Journal();
  journal.add(begun('abc'), undefined);
  journal.add(redirect('accepted'), undefined);
  journal.add(redirect('malformed', 'missing_code'), undefined);
  journal.add(redirect('held'), undefined);
  journal.gap(1);
  const found = (kind: string, text = ''): string[] =>
    journal.rows.filter((row) => matches(row, { kind, text })).map(({ wording }) => wording.name);
  equal(found(''), ['begun', 'accepted', 'malformed', 'held', '']);
  equal(found('refused'), ['malformed', '']);
  equal(found('accepted'), ['accepted', '']);
  equal(found('begun', 'ABC'), ['begun', '']);
  equal(found('', 'code missing'), ['malformed', '']);
  equal(found('', 'nothing of the kind'), ['']);
});

test('words events for people', () => {
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
    [gapWording(1), gapWording(1_200)],
    ['1 event was lost while disconnected.', '1,200 events were lost while disconnected.'],
  );
  equal(
    wordingOf({ type: 'answered', at: 0, flowId: '1', outcome: 'error', error: 'access_denied' }, 2_000)
      .detail,
    'access_denied, after 2.0 s',
  );
  equal(wordingOf(redirect('wrong_redirect_uri')).name, 'wrong redirect uri');
});

/** Events of a service that is a few versions ahead. */
const ofTomorrow = [
  { type: 'rate_limited', at: 5_000, flowId: 'f9', address: 'a' },
  { type: 'constructor', at: 5_000 },
  { type: 'redirect', at: 5_000, flowId: 'f9', disposition: 'postponed', reason: 'too_early' },
] as unknown as readonly ServerEvent[];

function countsNothingUnknown(Model: typeof FeedModel): void {
  const model = new Model();
  model.setStatus({ counts: { weather: 7, accepted: 1, malformed: 2 }, reasons: {}, repeated: 0, missed: 0 });
  for (const event of ofTomorrow) model.add(event);
  const { totals, seconds, journal } = model;
  equal([totals.refused, totals.of('accepted')], [2, 1], 'the totals');
  equal(totals.refusedFor, [['malformed', 2]], 'the reasons');
  const { refused, accepted } = seconds.points(10_000);
  equal([...refused, ...accepted].filter(Boolean), [], 'the chart');
  const rows = [...journal.since(-1)].map(({ wording }) => [wording.name, wording.tone, wording.flow]);
  equal(
    rows.reverse(),
    [
      ['rate limited', '', 'f9'],
      ['constructor', '', ''],
      ['postponed', '', 'f9'],
    ],
    'the rows',
  );
}

test('shows an event and a disposition that only a newer service has, and counts it as nothing', () =>
  countsNothingUnknown(FeedModel));

for (const [weakness, find, replace, complaint] of [
  [
    'counts all but what it knows as refused',
    'return Object.hasOwn(refusals, name);',
    "return name !== 'accepted';",
    /the totals/,
  ],
  [
    'asks the prototype too',
    'return Object.hasOwn(refusals, name);',
    'return name in refusals;',
    /the totals/,
  ],
] as const)
  test(`the control: a model that ${weakness} is noticed`, async () => {
    const twin = (await weakenedModule('monitor/feed-model.ts', edit(find, replace))) as {
      FeedModel: typeof FeedModel;
    };
    await complains(() => Promise.resolve().then(() => countsNothingUnknown(twin.FeedModel)), complaint);
  });

test('shows them on the screen and in the lines of watch', () => {
  const model = new FeedModel();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const lines = linesView({ stdout, stderr }, new Source(), false);
  for (const event of ofTomorrow) {
    model.add(event);
    lines.add(event, true);
  }
  const screen = frame(model, { columns: 100, rows: 20, colors: false }, { url: 'wss://x', connected: true });
  match(screen, 'refused 0');
  for (const text of ['rate limited', 'constructor', 'postponed']) match(screen, text);
  const written = String(stdout.read());
  for (const text of ['rate_limited', 'constructor', 'postponed']) match(written, text);
});

test.run();
