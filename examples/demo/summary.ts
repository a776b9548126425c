import type { DemoEvent, Row } from './events.ts';

export interface Summary {
  readonly type: 'summary';
  /** Whether each sign-in ended as it should and the forged redirects touched nobody. */
  readonly ok: boolean;
  readonly flows: readonly Row[];
  /** How many events of each type the monitor saw, and how many it missed. */
  readonly monitor: { readonly counts: Readonly<Record<string, number>>; readonly missed: number };
  /** How many forged redirects were sent, and what the callback server took redirects for that were not its own. */
  readonly forged: { readonly sent: number; readonly unmatched: number; readonly malformed: number };
}

/** Reads the result off what happened. */
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

/** What becomes of flows, which a monitor sees from beginning to end. */
const flowEvents: readonly string[] = ['begun', 'redirect', 'settled', 'finished', 'expired', 'cancelled'];

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
