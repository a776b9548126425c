import type { Disposition } from '../model/redirect.ts';

// A record, so that the compiler names a disposition that is missing.
const refusals: Readonly<Record<Exclude<Disposition, 'accepted' | 'held' | 'unconfirmed'>, true>> = {
  unmatched: true,
  duplicate: true,
  late: true,
  wrong_redirect_uri: true,
  wrong_response_mode: true,
  wrong_issuer: true,
  wrong_browser: true,
  malformed: true,
  refused: true,
};

/** Tells if a disposition rejects a redirect. One that only a newer service has does not, nor does a type of events. */
export function isRefusal(name: string): boolean {
  return Object.hasOwn(refusals, name);
}

/** Tells if this version knows a disposition. */
export function isDisposition(name: string): boolean {
  return name === 'accepted' || name === 'held' || name === 'unconfirmed' || isRefusal(name);
}
