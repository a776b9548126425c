/** Formats a length of time for people, in whole seconds: `9 min 59 s`. Names the two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  const largest = first < 0 ? units.slice(-1) : units.slice(first, first + 2);
  const shown = largest.filter(([count], index) => index === 0 || count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
