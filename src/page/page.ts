import { basics } from './texts.ts';

/** Content of a page. Every string is escaped already. */
export interface PageView {
  /**
   * `cancelled` if the user declined at the authorization server, or is denied access there. `waiting` while the app completes the
   * sign-in: the page is streamed, and that of the outcome replaces its content.
   */
  kind: 'success' | 'cancelled' | 'failure' | 'neutral' | 'waiting';
  /** Language of the texts, as an HTML `lang`. */
  language: string;
  /** Direction of the texts, as an HTML `dir`. */
  direction: 'ltr' | 'rtl';
  /** Title of the document: the headline, and the name of the program if one is configured. */
  title: string;
  /** Name of the program that signs in, if configured. */
  productName?: string | undefined;
  /** Image as a `data:` URI, if configured. */
  logo?: string | undefined;
  /** Result in a few words. */
  headline: string;
  /** Explanation for the user, if there is one. */
  message?: string | undefined;
  /**
   * Text in a box: the connected server, or what the authorization server or the app says about a failure. The language of
   * the latter is unknown.
   */
  detail?: string | undefined;
  /** Error code of the authorization server, such as `invalid_scope`. */
  error?: string | undefined;
  /** Web address that the authorization server gives for the error. Show it as text: the server may be a stranger. */
  errorUri?: string | undefined;
  /** Next step for the user. */
  note: string;
  /** Label of the button that continues. The page of a `render` function gets a form with the button at its end. */
  action?: string | undefined;
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

const marks = { success: '✓', cancelled: '–', failure: '✕', neutral: 'i', waiting: '…' };

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
.detail{width:fit-content;margin:1.25rem auto;padding:.6rem .9rem;text-align:start;text-wrap:wrap;font-size:.9375rem;border:1px solid var(--line);border-inline-start:.25rem solid var(--tone);border-radius:.4rem}
.detail p{margin:0;color:var(--text)}.detail p+p{margin-top:.4rem}`;

const buttonStyle = `
button{margin:1.5rem 0 0;padding:.6rem 1.4rem;font:inherit;font-weight:600;color:var(--card);background:var(--tone);border:0;border-radius:.5rem;cursor:pointer}`;

// The query is in an attribute, so that the script, and with it its hash, is the same on every page.
export const cleanUrlScript = `history.replaceState(null,'','?'+document.currentScript.dataset.page)`;

/** Returns the script that replaces the query of the address by that of the clean URL, with which the page can be reloaded. */
export function cleanUrlElement(query: string): string {
  return `<script data-page="${query}">${cleanUrlScript}</script>`;
}

/** Renders the default page. It loads no external resources. @param extra HTML before the end of the body. */
export function renderPage(view: PageView, extra = ''): string {
  const {
    kind,
    language,
    direction,
    title,
    productName,
    logo,
    headline,
    message,
    detail,
    error,
    errorUri,
    note,
    action,
  } = view;
  const paragraph = (text: string | undefined, attributes = ''): string =>
    text ? `<p${attributes}>${text}</p>\n` : '';
  const code = (text: string | undefined): string => paragraph(text && `<code>${text}</code>`, ' dir="ltr"');
  // An empty `lang` says that the language is unknown.
  const said = paragraph(detail, kind === 'success' ? '' : ' lang="" dir="auto"');
  const box = said + code(error) + code(errorUri);
  const image = logo ? `<img class="logo" src="${logo}" alt="">\n` : '';
  return `<!doctype html>
<html lang="${language}" dir="${direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${style}${action ? buttonStyle : ''}</style></head>
<body><main class="${kind}">${image}${paragraph(productName, ' class="product"')}<div class="mark" aria-hidden="true">${marks[kind]}</div>
<h1>${headline}</h1>
${paragraph(message)}${box && `<div class="detail">${box}</div>\n`}${paragraph(note)}${formElement(action)}</main>${extra}</body></html>
`;
}

/** Returns a form that sends nothing but the user's click; an empty text without a label. */
export function formElement(action: string | undefined): string {
  return action ? `<form method="post"><button>${action}</button></form>` : '';
}

/** Returns the title of a page. Its headline comes first, because tabs cut long titles. @param name Escaped by this function. */
export function titleOf(headline: string, name: string | undefined): string {
  return name ? `${headline} – ${escapeHtml(name)}` : headline;
}

/**
 * Renders the English page that ends a sign-in as HTML. All values are escaped.
 *
 * @param message Description of the error; shown on failure only.
 * @param isSuccess True if the sign-in succeeded. @default true
 * @param title Title of the document. @default 'OAuth sign-in'
 * @param serverUrl Server that the app is now connected to; shown on success only.
 * @example
 * import { createCallbackHtml } from 'rx-oauth-callback';
 *
 * const success = createCallbackHtml('', true, 'My CLI', 'https://mcp.example');
 * const failure = createCallbackHtml('The token request failed.', false);
 * console.log(success, failure);
 */
export function createCallbackHtml(
  message: string,
  isSuccess = true,
  title = 'OAuth sign-in',
  serverUrl?: string,
): string {
  const { success, failure, connected, close } = basics;
  return renderPage({
    kind: isSuccess ? 'success' : 'failure',
    language: 'en',
    direction: 'ltr',
    title: escapeHtml(title),
    headline: isSuccess ? success : failure,
    detail: isSuccess ? serverUrl && fill(connected, serverUrl) : escapeHtml(message),
    note: close,
  });
}

/** Replaces each `{}` in a text by the next of the values, which are escaped. */
export function fill(text: string, ...values: readonly string[]): string {
  const left = [...values];
  return text.replaceAll('{}', () => escapeHtml(left.shift() ?? ''));
}
