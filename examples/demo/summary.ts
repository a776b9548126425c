import type { DemoEvent, Row } from './events.ts';

export interface Summary {
  readonly type: 'summary';
  /** Whether each sign-in ended as it should and the forged redirects touched nobody. */
  readonly ok: boolean;
  readonly flows: readonly Row[];
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
  return { type: 'summary', ok: allEnded && asExpected && harmless, flows, forged };
}

function rowsOf(history: readonly DemoEvent[]): Row[] {
  return history
    .filter((event) => event.type === 'ended')
    .map(({ flow, client, user, expected, actual, ms }) => ({ flow, client, user, expected, actual, ms }))
    .sort((a, b) => Number(a.flow) - Number(b.flow));
}
