import { isLost, type CancelReason, type ServerEvent } from '../model/events.ts';
import { sumOf, type OutcomeCounts } from '../model/sign-in-outcomes.ts';
import { isRefusal } from './refusals.ts';

/** The texts of an event's row in the table, and its colour. */
export interface Wording {
  name: string;
  tone: 'good' | 'bad' | 'warn' | 'wait' | '';
  flow: string;
  detail: string;
}

/** Replaces the underscores of a wire name with spaces. */
export const readable = (name: string): string => name.replaceAll('_', ' ');

const cancelledBecause: Readonly<Record<CancelReason, string>> = {
  cancelled: '',
  closed: 'the server closed',
  lost: 'lost by the store',
  evicted: 'the service was full',
};

/** Returns the texts of an event. @param waited Milliseconds that the flow has waited, if the event ends it. */
export function wordingOf(event: ServerEvent, waited?: number): Wording {
  const flow = 'flowId' in event ? (event.flowId ?? '') : '';
  const after = waited === undefined ? '' : `after ${duration(waited)}`;
  const wording = (tone: Wording['tone'], detail = '', name: string = event.type): Wording => ({
    name: readable(name),
    tone,
    flow,
    detail,
  });
  switch (event.type) {
    case 'begun':
      return wording('wait', event.expiresAt ? `expires in ${duration(event.expiresAt - event.at)}` : '');
    case 'redirect':
      return wording(
        toneOf(event.disposition),
        joined(readable(event.reason ?? ''), event.count === undefined ? '' : `${event.count} times`),
        event.disposition,
      );
    case 'answered':
      return wording(event.outcome === 'code' ? 'good' : 'warn', joined(event.error ?? event.outcome, after));
    case 'settled':
      return wording(event.outcome === 'failure' ? 'bad' : 'good', event.outcome);
    case 'expired':
      return wording('warn', after);
    case 'cancelled':
      return wording(isLost(event.reason) ? 'bad' : 'warn', joined(cancelledBecause[event.reason], after));
    case 'listening':
      return wording('', event.redirectUri);
    default:
      return wording('');
  }
}

function toneOf(disposition: string): Wording['tone'] {
  if (disposition === 'accepted') return 'good';
  if (disposition === 'held') return 'wait';
  return isRefusal(disposition) ? 'bad' : '';
}

function joined(...parts: string[]): string {
  return parts.filter(Boolean).join(', ');
}

/** Shows a duration in its largest suitable unit. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** Says how many of the sign-ins that have ended have succeeded. @param when Time in which they have ended. */
export function successWording(counts: OutcomeCounts, when: string): string {
  const all = sumOf(counts);
  if (all === 0) return `no sign-in has ended ${when}`;
  return `${share(counts.succeeded, all)} of ${all.toLocaleString('en')} ${when}`;
}

/** Shows a part of a whole in percent. Never rounds to all or nothing. */
export function share(part: number, whole: number): string {
  const percent = (part / whole) * 100;
  if (part === 0 || part === whole) return `${percent} %`;
  return `${Math.min(99.9, Math.max(0.1, percent)).toFixed(percent < 1 || percent >= 99 ? 1 : 0)} %`;
}

/** Describes the gap between two rows. @param missed Number of events; undefined if it is not known. */
export function gapWording(missed: number | undefined): string {
  if (missed === undefined) return 'The service restarted; events in between are unknown.';
  return `${missed.toLocaleString('en')} ${missed === 1 ? 'event was' : 'events were'} lost while disconnected.`;
}
