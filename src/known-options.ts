import { InvalidOptionError } from './errors.ts';
import type { BeginOptions } from './flow.ts';

export const beginOptions: ReadonlySet<string> = new Set<keyof BeginOptions>([
  'state',
  'ttl',
  'signal',
  'issuer',
  'issuerAdvertised',
  'requireIssuer',
  'unadvertisedIssuer',
  'responseMode',
  'context',
  'key',
]);

/** One that is undefined counts as left out. */
export function withDefaults<D extends object, O extends object>(defaults: D, options: O): D & O {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) } as D & O;
}

/** Refuses what is no object, and names that are no option: somebody would believe them heard. */
export function requireKnown(options: unknown, names: ReadonlySet<string>, of: string, prefix = ''): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', `of ${of} must be an object`);
  }
  const unknown = Object.keys(options).find((name) => !names.has(name));
  if (unknown !== undefined) throw new InvalidOptionError(prefix + unknown, `is not an option of ${of}`);
}
