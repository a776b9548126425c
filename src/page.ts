import { sha256 } from './sha256.ts';
import { english } from './texts.ts';

/** What a page shows. Every string is escaped already. */
export interface PageView {
  kind: 'success' | 'failure' | 'neutral';
  /** The language of the texts, as an HTML `lang`. */
  language: string;
  /** The document's title. */
  title: string;
  /** Who is signing in, if that was configured. */
  productName?: string | undefined;
  /** A data URI, if one was configured. */
  logo?: string | undefined;
  /** What happened, in a few words. */
  headline: string;
  /** What a person should know of it, if anything. */
  message?: string | undefined;
  /** Shown in a box: the connected server, or what went wrong. */
  detail?: string | undefined;
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

const style = `:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1b1f24;--soft:#57606c;--line:#d8dde3;--tone:#3a5fa8}
.success{--tone:#1a7f4b}.failure{--tone:#b3261e}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1e2329;--text:#e8ebee;--soft:#a3adb8;--line:#363d46;--tone:#8fb0f3}.success{--tone:#4cc38a}.failure{--tone:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100svh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:28rem;padding:2.25rem 1.5rem;text-align:center;text-wrap:balance;overflow-wrap:anywhere;word-break:auto-phrase;background:var(--card);border:1px solid var(--line);border-radius:1rem;box-shadow:0 1px 4px #0001}
.logo{display:block;max-width:10rem;max-height:4rem;margin:0 auto}.product{margin:.5rem 0 1.75rem;font-weight:600}
.mark{display:grid;place-items:center;width:3rem;height:3rem;margin:0 auto 1rem;border:2px solid;border-radius:50%;color:var(--tone);font-size:1.4rem;font-weight:600}
.logo+.mark{margin-top:1.75rem}
h1{margin:0;font-size:1.3rem;line-height:1.3}
p{margin:.75rem 0 0;color:var(--soft)}
.detail{width:fit-content;margin:1.25rem auto;padding:.6rem .9rem;text-align:start;text-wrap:wrap;font-size:.9375rem;color:var(--text);border:1px solid var(--line);border-inline-start:.25rem solid var(--tone);border-radius:.4rem}`;

const cleanUrlScript = `history.replaceState(null,'',location.pathname)`;

export const cleanUrlElement = `<script>${cleanUrlScript}</script>`;

/** A page without external resources or reflected input; `extra` goes before the end of the body. */
export function renderPage(view: PageView, extra = ''): string {
  const { kind, language, title, productName, logo, headline, message, detail, note } = view;
  const paragraph = (text: string | undefined, name = ''): string => (text ? `<p${name}>${text}</p>\n` : '');
  const image = logo ? `<img class="logo" src="${logo}" alt="">\n` : '';
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${style}</style></head>
<body><main class="${kind}">${image}${paragraph(productName, ' class="product"')}<div class="mark" aria-hidden="true">${marks[kind]}</div>
<h1>${headline}</h1>
${paragraph(message)}${paragraph(detail, ' class="detail"')}${paragraph(note)}</main>${extra}</body></html>
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
  const { success, failure, connected, close } = english;
  return renderPage({
    kind: isSuccess ? 'success' : 'failure',
    language: 'en',
    title: escapeHtml(title),
    headline: isSuccess ? success : failure,
    detail: isSuccess ? serverUrl && fill(connected, serverUrl) : escapeHtml(message),
    note: close,
  });
}

/** Puts a value, escaped, where a text has its `{}`. */
export function fill(text: string, value: string): string {
  return text.replace('{}', () => escapeHtml(value));
}

/**
 * The headers of every page, those of errors included. Scripts other than the one that cleans the address bar, and anything
 * from elsewhere, are refused by the browser, whatever the page holds.
 */
export function pageHeaders(html: string): string[] {
  // As the browser sees them, which turns every line ending into \n before it looks.
  const styles = [...html.replace(/\r\n?/g, '\n').matchAll(/<style\b[^>]*>([^]*?)<\/style\b/gi)].map(
    ([, text = '']) => hash(text),
  );
  return answerHeaders('text/html; charset=utf-8', [
    ...(styles.length > 0 ? [`style-src ${styles.join(' ')}`] : []),
    ...(html.includes(cleanUrlElement) ? [`script-src ${hash(cleanUrlScript)}`] : []),
    ...(html.includes(' src="data:') ? ['img-src data:'] : []),
  ]);
}

/** The headers of every answer. @param policy What is allowed beyond nothing, as directives of a Content-Security-Policy. */
export function answerHeaders(type: string, policy: readonly string[]): string[] {
  return [
    'Content-Type',
    type,
    'Cache-Control',
    'no-store',
    'Referrer-Policy',
    'no-referrer',
    'Content-Security-Policy',
    ["default-src 'none'", ...policy, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join(
      '; ',
    ),
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

/** The source of a script or style, for a Content-Security-Policy. */
export function hash(text: string): string {
  return `'sha256-${sha256(text, 'base64')}'`;
}
