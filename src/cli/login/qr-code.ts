import { renderUnicodeCompact } from 'uqr';

/**
 * Draws a text as a QR code of half blocks, the light modules filled. Returns its lines, or undefined if the terminal is too
 * narrow for them.
 */
export function qrCode(text: string, columns = 80): string[] | undefined {
  const lines = renderUnicodeCompact(text, { ecc: 'L', border: 2 }).split('\n');
  const width = Math.max(...lines.map((line) => line.length));
  // Wrapped lines cannot be scanned. Two columns are for the margin.
  return width + 2 <= columns ? lines : undefined;
}
