/** Session of a page that watches, or of a link that was not opened yet, as a store keeps it. Times are by the store's clock. */
export interface PageRecord {
  /** Credential that began it; missing if a link did. */
  readonly by?: PageCredential;
  /** False for a link that was not opened. */
  readonly opened: boolean;
  /** Time of expiry in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Time at which one of its tabs showed a pass last, or a node said that one is connected. */
  readonly seenAt: number;
  readonly tabs: readonly Tab[];
  /** Set once it has ended because of a copied pass. */
  readonly copied?: true;
}

/** Credential that has begun a page session. */
export interface PageCredential {
  readonly name: string;
  /** Finds the token; missing if a program has identified its user otherwise. */
  readonly reference?: string | undefined;
  /** Tenant of the credential; missing if it is of the service itself. */
  readonly tenant?: string | undefined;
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
export const maxTabs = 20;

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
  const changed: Tab = { passes: successor === undefined ? [...passes, next] : passes, shownAt: now };
  const expiresAt = record.opened ? record.expiresAt : now + pageSessionTtl;
  const tabs = record.tabs.map((each) => (each === tab ? changed : each));
  return shorten({ ...record, opened: true, expiresAt, seenAt: now, tabs });
}

/**
 * Adds a tab with its first pass. At the limit, it takes the place of the tab that has shown a pass the longest time ago, but not
 * of the first, which has the link. Returns `unknown` if the pass was shown before.
 */
export function addTab({ record, forgotten }: Shown, pass: string): Shown | 'unknown' {
  const known = record.tabs.find(({ passes }) => passes.includes(pass));
  if (known) return known.passes.length === 1 ? { record, forgotten } : 'unknown';
  const tabs = [...record.tabs, { passes: [pass], shownAt: record.seenAt }];
  if (tabs.length <= maxTabs) return { record: { ...record, tabs }, forgotten };
  const [first, ...others] = tabs;
  const oldest = others.reduce((one, other) => (other.shownAt < one.shownAt ? other : one));
  return {
    record: { ...record, tabs: tabs.filter((each) => each === first || each !== oldest) },
    forgotten: [...forgotten, ...oldest.passes],
  };
}

/** Forgets the oldest pass of the tab that has most, if the session has too many. */
function shorten(record: PageRecord): Shown {
  const count = record.tabs.reduce((sum, { passes }) => sum + passes.length, 0);
  if (count <= maxPasses) return { record, forgotten: [] };
  const longest = record.tabs.reduce((one, other) => (other.passes.length > one.passes.length ? other : one));
  const passes = longest.passes.filter((_, index) => index !== 1);
  const tabs = record.tabs.map((each) => (each === longest ? { ...each, passes } : each));
  return { record: { ...record, tabs }, forgotten: longest.passes.slice(1, 2) };
}
