import type { ServerEvent } from '../events.ts';

/** What the table shows of an event, and what colour it has. */
export interface Words {
  name: string;
  tone: 'good' | 'bad' | 'warn' | 'wait' | '';
  flow: string;
  detail: string;
}

/** The wire's names, as people read them. */
export const spoken = (name: string): string => name.replaceAll('_', ' ');

const why: Readonly<Record<Extract<ServerEvent, { type: 'cancelled' }>['reason'], string>> = {
  cancelled: '',
  closed: 'the server closed',
  lost: 'lost by its store',
};

/** @param waited Milliseconds its flow has waited, where it ends one and that is known. */
export function wordsFor(event: ServerEvent, waited?: number): Words {
  const flow = 'flow' in event ? (event.flow ?? '') : '';
  const after = waited === undefined ? '' : `after ${duration(waited)}`;
  const words = (tone: Words['tone'], detail = '', name: string = event.type): Words => ({
    name: spoken(name),
    tone,
    flow,
    detail,
  });
  switch (event.type) {
    case 'begun':
      return words('wait', event.expiresAt ? `expires in ${duration(event.expiresAt - event.at)}` : '');
    case 'redirect':
      return words(toneOf(event.disposition), spoken(event.reason ?? ''), event.disposition);
    case 'settled':
      return words(event.outcome === 'code' ? 'good' : 'warn', joined(event.error ?? event.outcome, after));
    case 'finished':
      return words(event.outcome === 'failure' ? 'bad' : 'good', event.outcome);
    case 'expired':
      return words('warn', after);
    case 'cancelled':
      return words(event.reason === 'lost' ? 'bad' : 'warn', joined(why[event.reason], after));
    case 'listening':
      return words('', event.redirectUri);
    default:
      return words('');
  }
}

function toneOf(disposition: string): Words['tone'] {
  if (disposition === 'accepted') return 'good';
  return disposition === 'held' ? 'wait' : 'bad';
}

function joined(...parts: string[]): string {
  return parts.filter(Boolean).join(', ');
}

/** A span of time, as short as it can be told apart. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** What became of the events between two rows. */
export function gapWords(missed: number | undefined): string {
  if (missed === undefined) return 'The service has restarted: what came between is not known.';
  return `${missed.toLocaleString('en')} ${missed === 1 ? 'event was' : 'events were'} lost while the connection was away.`;
}
