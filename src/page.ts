import { createHash } from 'node:crypto';

/** What a page shows. Every string is escaped already. */
export interface PageView {
  kind: 'success' | 'failure' | 'neutral';
  /** The document's title. */
  title: string;
  /** What happened, in a few words. */
  headline: string;
  /** What a person should know of it, if anything. */
  message: string | undefined;
  /** Shown in a box: the connected server, or the provider's error. */
  detail: string | undefined;
  /** What to do now. */
  note: string;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

const marks = { success: '✓', failure: '✕', neutral: 'i' };

const style = `:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1b1f24;--soft:#5a6470;--line:#d8dde3;--success:#1a7f4b;--failure:#b3261e;--neutral:#3a5fa8}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1e2329;--text:#e8ebee;--soft:#a3adb8;--line:#363d46;--success:#4cc38a;--failure:#ff8a80;--neutral:#8fb0f3}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:27rem;padding:2.25rem 1.75rem;text-align:center;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
.mark{display:grid;place-items:center;width:3rem;height:3rem;margin:0 auto 1rem;border:2px solid;border-radius:50%;font-size:1.4rem;font-weight:600}
.success .mark{color:var(--success)}.failure .mark{color:var(--failure)}.neutral .mark{color:var(--neutral)}
h1{margin:0 0 .75rem;font-size:1.3rem;line-height:1.3}
p{margin:.75rem 0 0;color:var(--soft)}
.detail{padding:.6rem .75rem;border:1px solid var(--line);border-radius:.4rem;color:var(--text);font:.875rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere}`;

/** A page without external resources, script or reflected input. */
export function renderPage({ kind, title, headline, message, detail, note }: PageView): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${style}</style></head>
<body><main class="${kind}"><div class="mark" aria-hidden="true">${marks[kind]}</div><h1>${headline}</h1>
${message ? `<p>${message}</p>\n` : ''}${detail ? `<p class="detail">${detail}</p>\n` : ''}<p>${note}</p></main></body></html>
`;
}

/**
 * The page that ends a sign-in, as HTML with every value escaped.
 *
 * @param message What went wrong; shown on failure only.
 * @param isSuccess Whether the sign-in succeeded.
 * @param title The document's title.
 * @param serverUrl The server now connected; shown on success only.
 */
export function createCallbackHtml(
  message: string,
  isSuccess = true,
  title = 'OAuth sign-in',
  serverUrl?: string,
): string {
  const connected = serverUrl === undefined ? undefined : `Connected to: ${escapeHtml(serverUrl)}`;
  return renderPage({
    kind: isSuccess ? 'success' : 'failure',
    title: escapeHtml(title),
    headline: isSuccess ? 'Authentication successful' : 'Authentication failed',
    message: undefined,
    detail: isSuccess ? connected : escapeHtml(message),
    note: 'You can safely close this tab now.',
  });
}

const styleHash = createHash('sha256').update(style).digest('base64');

/** Sent with every answer, errors included. */
export const pageHeaders: readonly [name: string, value: string][] = [
  ['Content-Type', 'text/html; charset=utf-8'],
  ['Cache-Control', 'no-store'],
  ['Referrer-Policy', 'no-referrer'],
  [
    'Content-Security-Policy',
    `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];
