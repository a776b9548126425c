import { printable } from '../base/printable.ts';
import type { ConnectionEvent } from '../bridge/audit.ts';
import type { CancelReason, ServerEvent } from '../model/events.ts';
import { duration } from './times.ts';

const cancelReasons: Readonly<Record<CancelReason, string>> = {
  cancelled: 'cancelled',
  closed: 'ended because the service closed',
  lost: 'lost by the store',
  evicted: 'ended because the service is full and others have fewer flows',
};

/** Describes an event for people. */
export function sentenceOf(event: ServerEvent): string {
  const tenant = event.tenant === undefined ? '' : `tenant ${printable(event.tenant)}: `;
  const label = 'label' in event ? ` (${printable(event.label)})` : '';
  const prefix = 'flowId' in event && event.flowId !== undefined ? `flow ${event.flowId}${label}: ` : '';
  return tenant + prefix + description(event);
}

/** Describes for people what happened to a connection of the bridge. */
export function connectionSentenceOf(event: ConnectionEvent): string {
  const { address } = event;
  const tenant = event.tenant === undefined ? '' : ` of the tenant ${printable(event.tenant)}`;
  switch (event.type) {
    case 'connected':
      return `${event.name}${tenant} connected from ${address} as ${event.roles.join(' and ')}`;
    case 'rejected': {
      const named = event.name === undefined ? '' : ` of ${event.name}`;
      return `rejected a connection${named}${tenant} from ${address} with ${event.status}: ${event.reason}`;
    }
    case 'closed': {
      const because = event.reason === '' ? '' : `: ${event.reason}`;
      return event.by === 'service'
        ? `closed the connection of ${event.name}${tenant} from ${address} with ${event.code}${because}`
        : `${event.name}${tenant} disconnected from ${address} with ${event.code}${because}`;
    }
  }
}

function description(event: ServerEvent): string {
  switch (event.type) {
    case 'listening':
      return `listening at ${event.redirectUri}`;
    case 'begun':
      return event.expiresAt === undefined
        ? 'begun'
        : `begun, expires in ${duration(event.expiresAt - event.at)}`;
    case 'redirect':
      return redirected(event);
    case 'answered':
      return event.outcome === 'code' ? 'received a code' : `received the error ${event.error ?? ''}`;
    case 'settled':
      return `settled: ${event.outcome}`;
    case 'expired':
      return 'expired';
    case 'cancelled':
      return cancelReasons[event.reason];
    default:
      // A newer service may have other events.
      return event.type;
  }
}

function redirected({ disposition, reason, count }: Extract<ServerEvent, { type: 'redirect' }>): string {
  const because = reason ? `: ${spaced(reason)}` : '';
  return `redirect ${spaced(disposition)}${because}${count === undefined ? '' : `, ${count} times`}`;
}

function spaced(name: string): string {
  return name.replaceAll('_', ' ');
}
