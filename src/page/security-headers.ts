import { sha256 } from '../base/sha256.ts';
import { cleanUrlScript } from './page.ts';

/**
 * Returns the headers of a page.
 *
 * They make browsers block every script except the one that cleans the address bar, and all external resources. This
 * holds for pages of `render` too.
 *
 * @param hasForm True if the page has the form that continues to an authorization server.
 */
export function pageHeaders(html: string, hasForm = false): string[] {
  // Browsers replace every line ending by \n before they compute the hash of a style.
  const styles = [...html.replace(/\r\n?/g, '\n').matchAll(/<style\b[^>]*>([^]*?)<\/style\b/gi)].map(
    ([, text = '']) => hash(text),
  );
  return answerHeaders(
    'text/html; charset=utf-8',
    [
      ...(styles.length > 0 ? [`style-src ${styles.join(' ')}`] : []),
      ...(html.includes(`>${cleanUrlScript}</script>`) ? [`script-src ${hash(cleanUrlScript)}`] : []),
      ...(html.includes(' src="data:') ? ['img-src data:'] : []),
    ],
    hasForm,
  );
}

/** Returns the headers of every answer. @param policy Exceptions to `default-src 'none'`, as directives of a Content-Security-Policy. */
export function answerHeaders(type: string, policy: readonly string[], hasForm = false): string[] {
  // Chromium applies `form-action` to the redirects after a form too, which lead to other sites.
  const forms = hasForm ? [] : ["form-action 'none'"];
  return [
    'Content-Type',
    type,
    'Cache-Control',
    'no-store',
    'Referrer-Policy',
    // With `no-referrer`, the form would have the origin `null`.
    hasForm ? 'same-origin' : 'no-referrer',
    'Content-Security-Policy',
    ["default-src 'none'", ...policy, "base-uri 'none'", ...forms, "frame-ancestors 'none'"].join('; '),
    'X-Content-Type-Options',
    'nosniff',
    'X-Frame-Options',
    'DENY',
    'Cross-Origin-Opener-Policy',
    'same-origin',
    'Cross-Origin-Resource-Policy',
    'same-origin',
  ];
}

/** Computes the hash source of a script or style for a Content-Security-Policy. */
export function hash(text: string): string {
  return `'sha256-${sha256(text, 'base64')}'`;
}
