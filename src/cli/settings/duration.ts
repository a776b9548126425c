const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Unit of a duration, as users write it. */
export type DurationUnit = keyof typeof units;

/** Bounds of a duration, and its unit if it is a bare number. */
export interface DurationRange {
  /** @default 'ms' */
  readonly unit?: DurationUnit;
  /** In that unit. */
  readonly min?: number;
  /** In that unit. */
  readonly max?: number;
}

/** Reads a duration such as `30s`, or a number in its unit. Returns milliseconds, or undefined for anything else. */
export function durationOf(
  given: unknown,
  { unit = 'ms', min, max }: DurationRange = {},
): number | undefined {
  const ms = typeof given === 'number' ? inMs(given, unit) : written(given);
  const least = (min ?? -Infinity) * units[unit];
  const most = (max ?? Infinity) * units[unit];
  return ms !== undefined && ms >= least && ms <= most ? ms : undefined;
}

function inMs(count: number, unit: DurationUnit): number | undefined {
  return Number.isSafeInteger(count) ? count * units[unit] : undefined;
}

function written(given: unknown): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,15})(ms|s|m|h)$/.exec(String(given)) ?? [];
  return count === '' ? undefined : Number(count) * units[unit as DurationUnit];
}

/** Describes what `durationOf` reads, to complete a sentence with "must be". */
export function expectedDuration({ unit = 'ms', min, max }: DurationRange = {}): string {
  const range =
    min === undefined || max === undefined
      ? ''
      : `, from ${showDuration(min, unit)} to ${showDuration(max, unit)}`;
  return `${unit === 's' ? 'seconds' : 'milliseconds'} or a duration such as 500ms, 30s, 10m or 1h${range}`;
}

/** Writes a number in a unit as a duration with the largest unit that fits: `10m` for 600,000 ms. */
export function showDuration(count: number, unit: DurationUnit = 'ms'): string {
  const ms = count * units[unit];
  const [name, size] = (['h', 'm', 's'] as const)
    .map((each) => [each, units[each]] as const)
    .find(([each, length]) => ms % length === 0 && (ms > 0 || each === 's')) ?? ['ms', 1];
  return `${ms / size}${name}`;
}
