import { readOptions, type OptionTable } from '../base/options.ts';
import { requireInteger } from '../base/validate.ts';

/** Bounds on requests, so that no peer can starve the sign-ins. Each is optional. */
export interface Limits {
  /**
   * Maximum number of open connections. When full, the oldest one without a page in flight is closed; if more than half
   * of the peers do not read their pages, the oldest of those.
   * @default 512
   */
  connections?: number;
  /** Maximum number of headers in a request; a request with more is rejected. @default 100 */
  headers?: number;
  /**
   * Maximum size of the head of a request in bytes, cookies included. A request with more is answered 431. The browser
   * sends the cookies of every program on a loopback host.
   * @default 65_536
   */
  headerBytes?: number;
  /**
   * Maximum length of one parameter in characters. A longer one is rejected, never cut; but a longer `error_description`
   * is cut, and a longer `error_uri` is dropped.
   * @default 8_192
   */
  parameter?: number;
  /**
   * Maximum number of parameters of a response beside those of OAuth. The surplus is dropped and counted, and so is one with a
   * longer name or value than `parameter`, or one that would make all of them longer than 131,072 bytes as JSON; the response stays
   * valid.
   * @default 50
   */
  parameters?: number;
  /** Maximum size of a `form_post` body in bytes. @default 65_536 */
  body?: number;
  /** Milliseconds that a client may take to send its headers. @default 10_000 */
  headersTimeout?: number;
  /** Milliseconds that a client may take to send its whole request. @default 15_000 */
  requestTimeout?: number;
  /** Milliseconds that an idle connection is kept. @default 5_000 */
  keepAliveTimeout?: number;
  /** Redirects without a flow that one address may send at once; beyond it the answer is 429. @default 2_000 */
  unmatched?: number;
  /** Number of such redirects that an address regains each second. @default 100 */
  unmatchedPerSecond?: number;
}

export const defaultLimits: Required<Limits> = {
  connections: 512,
  headers: 100,
  headerBytes: 65_536,
  parameter: 8_192,
  parameters: 50,
  body: 65_536,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  unmatched: 2_000,
  unmatchedPerSecond: 100,
};

const limitTable: OptionTable<Limits> = {
  connections: true,
  headers: true,
  headerBytes: true,
  parameter: true,
  parameters: true,
  body: true,
  headersTimeout: true,
  requestTimeout: true,
  keepAliveTimeout: true,
  unmatched: true,
  unmatchedPerSecond: true,
};

/** Fills in the defaults. Throws `InvalidOptionError` for an unknown name or a value out of range. */
export function readLimits(limits: Limits = {}): Required<Limits> {
  const all = readOptions(limits, limitTable, { of: 'limits', prefix: 'limits.' }, defaultLimits);
  for (const [name, value] of Object.entries(all)) requireInteger(`limits.${name}`, value, 1, 10_000_000);
  return all;
}
