/** A page session as a store keeps it: its tabs, and the passes that each of them has shown. */
import { addTab, maxTabs, showPass, type PageRecord, type Shown } from '../../../src/monitor/page-record.ts';
import { equal, is, not, ok } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the record of a page session');

const at = { now: 1_000, pageSessionTtl: 60_000 };

const link: PageRecord = {
  opened: false,
  expiresAt: 5_000,
  seenAt: 0,
  tabs: [{ passes: ['link'], shownAt: 0 }],
};

function shown(record: PageRecord, pass: string, next: string, now = at.now): Shown {
  const after = showPass(record, pass, next, { ...at, now });
  if (typeof after === 'string') throw new Error(after);
  return after;
}

function added(to: Shown, pass: string): Shown {
  const after = addTab(to, pass);
  if (typeof after === 'string') throw new Error(after);
  return after;
}

test('a link is opened by its first pass, and lives from then on', () => {
  const { record, forgotten } = shown(link, 'link', 'one');
  equal(record, {
    opened: true,
    expiresAt: 61_000,
    seenAt: 1_000,
    tabs: [{ passes: ['link', 'one'], shownAt: 1_000 }],
  });
  equal(forgotten, []);
  is(shown(record, 'one', 'two', 2_000).record.expiresAt, 61_000);
});

test('takes a repeated request, no old one, and finds out a copied pass', () => {
  const { record } = shown(link, 'link', 'one');
  equal(shown(record, 'link', 'one').record.tabs, record.tabs);
  is(showPass(record, 'link', 'other', at), 'copied');
  const later = shown(record, 'one', 'two').record;
  is(showPass(later, 'link', 'one', at), 'unknown');
  is(showPass(later, 'one', 'other', at), 'copied');
  is(showPass(later, 'never-seen', 'x', at), 'unknown');
  for (const used of ['link', 'one', 'two']) is(showPass(later, 'two', used, at), 'unknown', used);
  is(showPass(later, 'two', 'three', { ...at, now: 61_000 }), 'unknown');
  is(showPass(link, 'link', 'one', { ...at, now: 5_000 }), 'unknown');
});

test('forgets old passes, but never the link', () => {
  let record = shown(link, 'link', 'p0').record;
  const forgotten: string[] = [];
  for (let n = 0; n < 150; n++) {
    const after = shown(record, `p${n}`, `p${n + 1}`);
    record = after.record;
    forgotten.push(...after.forgotten);
  }
  const [tab] = record.tabs;
  equal([tab!.passes.length, tab!.passes[0], tab!.passes.at(-1)], [100, 'link', 'p150']);
  equal(
    forgotten,
    Array.from({ length: 52 }, (_, n) => `p${n}`),
  );
  is(showPass(record, 'link', 'other', at), 'copied');
});

test('each tab has passes of its own, and a copied one of any tab is found out', () => {
  const two = added(shown(link, 'link', 'one'), 'tab').record;
  const both = shown(two, 'tab', 'tab-one', 2_000).record;
  equal(
    both.tabs.map(({ passes }) => passes),
    [
      ['link', 'one'],
      ['tab', 'tab-one'],
    ],
  );
  equal(shown(both, 'one', 'two', 3_000).record.tabs[1], both.tabs[1]);
  is(showPass(both, 'tab', 'other', at), 'copied');
  is(showPass(both, 'one', 'tab-one', at), 'unknown');
  // A repeated request lets nobody in twice, and a pass that was shown before lets nobody in.
  equal(added(shown(two, 'one', 'two'), 'tab').record.tabs.length, 2);
  for (const used of ['link', 'one', 'tab', 'tab-one'])
    is(addTab(shown(both, 'one', 'two'), used), 'unknown', used);
});

test('lets in so many tabs; one more takes the place of the one that was silent longest, never of the first', () => {
  let record = link;
  let pass = 'link';
  for (let n = 1; n < maxTabs; n++) {
    record = added(shown(record, pass, `p${n}`, n), `tab${n}`).record;
    pass = `p${n}`;
  }
  is(record.tabs.length, maxTabs);
  record = shown(record, 'tab1', 'tab1-next', 500).record;
  const { record: after, forgotten } = added(shown(record, pass, 'last', 501), 'one-more');
  equal([after.tabs.length, after.tabs[0]!.passes[0], forgotten], [maxTabs, 'link', ['tab2']]);
  is(showPass(after, 'tab2', 'x', at), 'unknown');
  not.equal(showPass(after, 'one-more', 'x', at), 'unknown');
  ok(typeof showPass(after, 'tab1-next', 'x', at) === 'object');
});

test.run();
