export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('no median of nothing');
  return sorted.length % 2 === 1 ? upper : (upper + sorted[middle - 1]!) / 2;
}

/** Returns the value that `part` of all values do not exceed, by nearest rank. */
export function quantile(values: Float64Array, part: number): number {
  const value = values.toSorted()[Math.max(0, Math.ceil(values.length * part) - 1)];
  if (value === undefined) throw new RangeError('no quantile of nothing');
  return value;
}

/** Returns the growth of `y` for each unit of `x`, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [atX, atY] = [mean(0), mean(1)];
  const rise = points.reduce((sum, [x, y]) => sum + (x - atX) * (y - atY), 0);
  const run = points.reduce((sum, [x]) => sum + (x - atX) ** 2, 0);
  return rise / run;
}
