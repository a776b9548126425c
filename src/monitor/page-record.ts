/** Session of a page that watches, or of a link that was not opened yet, as a store keeps it. */
export interface PageRecord {
  /** Credential that began it; missing if a link did. */
  readonly by?: PageCredential;
  /** False for a link that was not opened. */
  readonly opened: boolean;
  /** Time of expiry in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Time at which one of its tabs showed a pass last or was connected, or its link was made. */
  readonly shownAt: number;
  readonly tabs: readonly Tab[];
}

/** Credential that has begun a page session. */
export interface PageCredential {
  readonly name: string;
  /** Finds the token; missing if a program has identified its user otherwise. */
  readonly reference?: string | undefined;
}

/** One tab of a browser. All tabs of a page session began with its first. */
interface Tab {
  /** Digests of its passes, each the successor of the one before. The tab shows the last one next. */
  readonly passes: readonly string[];
  readonly shownAt: number;
}

/** A page session after a pass was shown. */
export interface Shown {
  readonly record: PageRecord;
  /** Digests of passes that are no longer remembered. */
  readonly forgotten: readonly string[];
}

// A tab shows a pass for each connection. Its first pass is always kept, because a link is the pass that people copy.
const maxPasses = 100;

/** Maximum number of tabs of one page session. */
export const maxTabs = 10;

/**
 * Shows a pass of a session, and names its successor: a new one, or the same as before, if the answer was lost. Both are digests.
 *
 * Returns `unknown` if the pass is not valid, and `copied` if it was shown before with another successor.
 */
export function showPass(
  record: PageRecord,
  pass: string,
  next: string,
  { now, pageSessionTtl }: { now: number; pageSessionTtl: number },
): Shown | 'copied' | 'unknown' {
  const tab = record.tabs.find(({ passes }) => passes.includes(pass));
  if (!tab || record.expiresAt <= now) return 'unknown';
  const { passes } = tab;
  const successor = passes[passes.indexOf(pass) + 1];
  if (successor !== undefined && successor !== next) return 'copied';
  // An old request that was sent again; the page has shown the successor since.
  if (successor !== undefined && successor !== passes.at(-1)) return 'unknown';
  if (successor === undefined && record.tabs.some((each) => each.passes.includes(next))) return 'unknown';
  const grown = successor === undefined ? [...passes, next] : [...passes];
  const forgotten = grown.length > maxPasses ? grown.splice(1, 1) : [];
  const changed: Tab = { passes: grown, shownAt: now };
  const expiresAt = record.opened ? record.expiresAt : now + pageSessionTtl;
  const tabs = record.tabs.map((each) => (each === tab ? changed : each));
  return { record: { ...record, opened: true, expiresAt, shownAt: now, tabs }, forgotten };
}

/** Adds a tab with its first pass. At the limit, it takes the place of the tab that has shown a pass the longest time ago. */
export function addTab({ record, forgotten }: Shown, pass: string): Shown {
  const known = record.tabs.some(({ passes }) => passes[0] === pass);
  if (known) return { record, forgotten };
  const tabs = [...record.tabs, { passes: [pass], shownAt: record.shownAt }];
  if (tabs.length <= maxTabs) return { record: { ...record, tabs }, forgotten };
  // The first tab is kept: its first pass is the link.
  const [first, ...others] = tabs;
  const oldest = others.reduce((one, other) => (other.shownAt < one.shownAt ? other : one));
  return {
    record: { ...record, tabs: tabs.filter((each) => each === first || each !== oldest) },
    forgotten: [...forgotten, ...oldest.passes],
  };
}
