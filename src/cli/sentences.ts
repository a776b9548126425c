import type { ServerEvent } from '../events.ts';

const why: Readonly<Record<Extract<ServerEvent, { type: 'cancelled' }>['reason'], string>> = {
  cancelled: 'cancelled',
  closed: 'ended with the service',
  lost: 'lost by its store',
};

/** What an event means, for people. */
export function sentenceOf(event: ServerEvent): string {
  const whose = 'flow' in event && event.flow !== undefined ? `flow ${event.flow}: ` : '';
  return whose + what(event);
}

function what(event: ServerEvent): string {
  switch (event.type) {
    case 'listening':
      return `listening at ${event.redirectUri}`;
    case 'begun':
      return event.expiresAt === undefined ? 'begun' : `begun, expires at ${clock(event.expiresAt)}`;
    case 'redirect':
      return `redirect ${words(event.disposition)}${event.reason ? `: ${words(event.reason)}` : ''}`;
    case 'settled':
      return event.outcome === 'code' ? 'got its code' : `got the error ${event.error ?? ''}`;
    case 'finished':
      return `finished: ${event.outcome}`;
    case 'expired':
      return 'expired';
    case 'cancelled':
      return why[event.reason];
    default:
      // Of a service that is newer than this, too.
      return event.type;
  }
}

function words(name: string): string {
  return name.replaceAll('_', ' ');
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}
