import { renderUnicodeCompact } from 'uqr';

/**
 * Draws a text as a QR code of half blocks, the light modules filled. Returns its lines, or undefined if the terminal is too
 * narrow for them.
 */
export function qrCode(text: string, columns: number | undefined): string[] | undefined {
  const lines = renderUnicodeCompact(text, { ecc: 'L', border: 2 }).split('\n');
  const width = Math.max(...lines.map((line) => line.length));
  // Wrapped lines cannot be scanned. Two columns are for the margin. Some terminals do not say their width.
  return width + 2 <= (columns || 80) ? lines : undefined;
}
