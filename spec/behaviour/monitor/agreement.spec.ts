/** The comparing of operators.spec.ts and of the bench `operators`: it sees whatever is not so. */
import { connectCallbackHost } from '../../../src/client.ts';
import type { createMonitor } from '../../../src/monitor.ts';
import { browserSuite, type Tab } from '../../browser/chromium.ts';
import { equal, patience } from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { everyKind, People } from '../../helpers/people.ts';
import { suite } from '../../helpers/suite.ts';
import type { Edit } from '../../helpers/weakened.ts';
import {
  brief,
  differences,
  faults,
  headOfPage,
  headOfTerminal,
  latest,
  metered,
  NumberedFeed,
  read,
  rowsOfPage,
  SavedRows,
  told,
} from './agreement.ts';
import { weakenedMonitor, withMonitor } from './monitored.ts';
import { watch } from './watching.ts';

const test = suite('agreement of those that an operator has');
const inBrowser = browserSuite('agreement of the monitor page');

const names = [
  'begun of 1',
  'begun of 2',
  'begun of 3',
  'redirect malformed missing_code',
  'redirect accepted of 1',
  'answered error access_denied of 1',
  'cancelled lost of 2',
];

test('counts by all details of an event, and by those that the head has room for', () => {
  const all = told(names);
  equal(Object.fromEntries(all), {
    waiting: 1,
    begun: 3,
    'redirect malformed missing_code': 1,
    'redirect accepted': 1,
    'answered error access_denied': 1,
    'cancelled lost': 1,
  });
  const inBrief = brief(all);
  equal(Object.fromEntries(inBrief), {
    waiting: 1,
    accepted: 1,
    refused: 1,
    'refused: missing code': 1,
    denied: 1,
    failed: 1,
  });
  equal(Object.fromEntries(brief(told(['answered code', 'answered code', 'settled failure']))), {
    waiting: -2,
    succeeded: 1,
    failed: 1,
  });
  const head =
    'waiting 1  accepted 1  refused 1  per second 3\nsucceeded 0  denied 1  failed 1  expired 0  cancelled 0';
  equal(differences(headOfTerminal(`${head}\nrefused: 1 missing code\n`), inBrief), []);
  equal(differences(headOfTerminal(`${head}\nrefused: 1 missing state\n`), inBrief), [
    'refused: missing state: 1, not 0',
    'refused: missing code: 0, not 1',
  ]);
});

test('reads the same from metrics, label by label', () => {
  const sample = (line: string): string => `rx_oauth_callback_${line}\n`;
  const rest = [
    'flows_pending 1',
    'flows_begun_total 3',
    'flows_ended_total{ending="error",error="access_denied"} 1',
    'flows_ended_total{ending="lost",error=""} 1',
    'flows_ended_total{ending="closed",error=""} 0',
    'redirects_total{disposition="accepted",reason=""} 1',
  ].map(sample);
  const of = (last: string): string[] => differences(metered([...rest, sample(last)].join('')), told(names));
  equal(of('redirects_total{disposition="malformed",reason="missing_code"} 1'), []);
  equal(of('redirects_total{disposition="malformed",reason="missing_state"} 1'), [
    'redirect malformed missing_state: 1, not 0',
    'redirect malformed missing_code: 0, not 1',
  ]);
});

test('sees an event that is doubled, lost or moved', () => {
  equal(faults(['a', 'b', 'b', 'c'], ['a', 'b', 'b', 'c']), []);
  equal(faults(['a', 'b', 'b', 'b', 'c'], ['a', 'b', 'b', 'c']), ['too often: b']);
  equal(faults(['a', 'b', 'c'], ['a', 'b', 'b', 'c']), ['lost: b']);
  equal(faults(['a', 'b', 'c', 'c'], ['a', 'b', 'b', 'c']), ['lost: b', 'too often: c']);
  equal(faults(['b', 'a'], ['a', 'b']), ['out of order: b']);
});

/** Lists the faults of a page after sign-ins with each kind of refusal. */
function wrongAt({ page }: Tab, create?: typeof createMonitor): Promise<string[]> {
  return withMonitor(async ({ monitor, url }) => {
    using feed = await NumberedFeed.open(url, token);
    const rows = await SavedRows.of(page);
    await watch(page, monitor.url());
    await using host = await connectCallbackHost(url, { token });
    const people = new People();
    await Promise.all(Array.from({ length: everyKind }, (_, n) => people.signIn(host, n)));
    await feed.has(people.events.length);
    const truth = brief(told(people.events));
    const head = await read(truth, () => headOfPage(page), create ? 3_000 : patience);
    await rows.save();
    const shown = await rowsOfPage(page);
    return [
      ...feed.misnumbered,
      ...rows.amiss,
      ...differences(head, truth),
      ...faults(rows.all, feed.all).map((fault) => `saved, ${fault}`),
      ...faults(shown, latest(feed.all, 50)).map((fault) => `shown, ${fault}`),
    ];
  }, create && { create });
}

inBrowser('finds nothing wrong with the page as it is', async (tab) => equal(await wrongAt(tab), []));

const twins: readonly (Edit & { weakness: string; complaint: RegExp })[] = [
  {
    weakness: 'counts a reason for another',
    file: 'model/events.ts',
    find: `event.reason) count(reasons, event.reason, event.count);`,
    replace: `event.reason) count(reasons, event.reason.replace('missing_state', 'missing_code'), event.count);`,
    complaint: /^refused: missing code: 2, not 1\nrefused: missing state: 0, not 1$/m,
  },
  {
    weakness: 'shows who gave up among those that expired',
    file: 'monitor/page/outcomes.ts',
    find: `number(service.outcomes[outcome])`,
    replace: `number(service.outcomes[outcome === 'cancelled' ? 'expired' : outcome])`,
    complaint: /^cancelled: 1, not 2$/m,
  },
  {
    weakness: 'has one refusal twice in its rows, though it counts it once',
    file: 'monitor/feed-model.ts',
    find: `if (listed) this.journal.add(event, waited);`,
    replace: `if (listed) this.journal.add(event, waited);
    if ('reason' in event && event.reason === 'prefetch') this.journal.add(event, waited);`,
    complaint:
      /^saved, too often: \{"type":"redirect","at":\d+,"disposition":"refused","reason":"prefetch"\}$/m,
  },
  {
    weakness: 'leaves one refusal out of its rows, though it counts it',
    file: 'monitor/feed-model.ts',
    find: `if (listed) this`,
    replace: `if (listed && !('reason' in event && event.reason === 'prefetch')) this`,
    complaint: /^saved, lost: \{"type":"redirect","at":\d+,"disposition":"refused","reason":"prefetch"\}$/m,
  },
  {
    weakness: 'shows a row twice of those it has once',
    file: 'monitor/page/table.ts',
    find: `added.slice(0, most).map(rowOf)`,
    replace: `added.slice(0, most).flatMap((row) => (row.n % 20 === 7 ? [rowOf(row), rowOf(row)] : [rowOf(row)]))`,
    complaint: /^shown, too often: \d*7 /m,
  },
];

for (const { weakness, complaint, ...edit } of twins)
  inBrowser(`sees a page that ${weakness}`, async (tab) => {
    const create = await weakenedMonitor(edit);
    const check = async (): Promise<void> => {
      const wrong = await wrongAt(tab, create);
      if (wrong.length > 0) throw new Error(`it is wrong\n${wrong.join('\n')}`);
    };
    await complains(check, complaint);
  });

test.run();
inBrowser.run();
