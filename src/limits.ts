import { requireKnown, withDefaults } from './known-options.ts';
import { requireInteger } from './validate.ts';

/** Bounds that keep a stranger from starving the sign-ins. Each is optional. */
export interface Limits {
  /** Open connections; beyond it the oldest without a page in flight makes way, or, where more than half leave their pages unread, the oldest of those. @default 512 */
  connections?: number;
  /** Headers of one request; beyond it the request is refused. @default 100 */
  headers?: number;
  /** Characters of one parameter; a longer one is refused, never cut. @default 8_192 */
  parameter?: number;
  /** Bytes of a form_post body. @default 65_536 */
  body?: number;
  /** Milliseconds a client may take to send its headers. @default 10_000 */
  headersTimeout?: number;
  /** Milliseconds a client may take to send its whole request. @default 15_000 */
  requestTimeout?: number;
  /** Milliseconds an idle connection is kept. @default 5_000 */
  keepAliveTimeout?: number;
  /** Redirects that matched no flow one address may send at a time, before it is answered 429. @default 2_000 */
  strays?: number;
  /** How many of those it regains a second. @default 100 */
  straysPerSecond?: number;
}

const defaults: Required<Limits> = {
  connections: 512,
  headers: 100,
  parameter: 8_192,
  body: 65_536,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  strays: 2_000,
  straysPerSecond: 100,
};

export function readLimits(limits: Limits = {}): Required<Limits> {
  requireKnown(limits, new Set(Object.keys(defaults)), 'limits', 'limits.');
  const all = withDefaults(defaults, limits);
  for (const [name, value] of Object.entries(all)) requireInteger(`limits.${name}`, value, 1, 10_000_000);
  return all;
}
