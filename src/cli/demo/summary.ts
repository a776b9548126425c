import type { DemoEvent, Row } from './events.ts';

/** Result of the demo. */
export interface Summary {
  readonly type: 'summary';
  /** Set if each sign-in ended as expected and the forged redirects affected none. */
  readonly ok: boolean;
  readonly flows: readonly Row[];
  /** Number of events of each type that the monitor saw, and of those that it missed. */
  readonly monitor: { readonly counts: Readonly<Record<string, number>>; readonly missed: number };
  /** Number of forged redirects, and of redirects that the server rejected as unmatched or malformed. */
  readonly forged: { readonly sent: number; readonly unmatched: number; readonly malformed: number };
}

/** Summarizes the events of a demo. */
export function summaryOf(history: readonly DemoEvent[]): Summary {
  const count = (holds: (event: DemoEvent) => boolean): number => history.filter(holds).length;
  const disposedAs = (disposition: string): number =>
    count((event) => event.type === 'redirect' && event.disposition === disposition);
  const flows = rowsOf(history);
  const forged = {
    sent: count(({ type }) => type === 'forged'),
    unmatched: disposedAs('unmatched'),
    malformed: disposedAs('malformed'),
  };
  const allEnded = flows.length === count(({ type }) => type === 'begun');
  const asExpected = flows.every(({ expected, actual }) => expected === actual);
  const harmless = forged.unmatched + forged.malformed === forged.sent;
  const monitor = monitorOf(history);
  const ok = allEnded && asExpected && harmless && monitor.missed === 0;
  return { type: 'summary', ok, flows, monitor, forged };
}

/** Types of events about flows, all of which a monitor must see. */
const flowEvents: readonly string[] = ['begun', 'redirect', 'answered', 'settled', 'expired', 'cancelled'];

function monitorOf(history: readonly DemoEvent[]): Summary['monitor'] {
  const isOfFlow = ({ type }: { type: string }): boolean => flowEvents.includes(type);
  const seen = history.flatMap((step) => (step.type === 'monitored' ? [step.event] : [])).filter(isOfFlow);
  const counts: Record<string, number> = {};
  for (const { type } of seen) counts[type] = (counts[type] ?? 0) + 1;
  return { counts, missed: history.filter(isOfFlow).length - seen.length };
}

function rowsOf(history: readonly DemoEvent[]): Row[] {
  return (
    history
      .filter((event) => event.type === 'ended')
      .map(({ flow, client, user, expected, actual, ms }) => ({ flow, client, user, expected, actual, ms }))
      // A remote flow has a name in place of a number, and comes last.
      .sort((a, b) => (Number(a.flow) || Infinity) - (Number(b.flow) || Infinity))
  );
}
