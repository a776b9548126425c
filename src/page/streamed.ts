import type { Answer, Streamed } from './answer.ts';

/** Functions of the core, which this module cannot import. */
interface Tools {
  /** Random text that the styles of the page show to the browser. */
  readonly nonce: string;
  /** Returns the hash source of a script for a Content-Security-Policy. */
  readonly hash: (text: string) => string;
}

// A browser ignores a second title, so that only a script can change the first.
const titleScript = `document.title=document.currentScript.dataset.title`;

// Some browsers show nothing of a document before they have this many bytes.
const minBytes = 1_024;

// The wrappers have no box, so that the layout is that of the page alone.
const wrapping = '#rx-page,#rx-waiting{display:contents}';
const hiding = '#rx-waiting{display:none}';

// A tag in a comment, or in an element of text, is none.
const noTags = /<!--[^]*?-->|<(script|style|template|textarea|title)\b[^]*?<\/\1\s*>/gi;
const boundaries = new RegExp(
  `${noTags.source}|<body\\b(?:[^>"']|"[^"]*"|'[^']*')*>|</head\\s*>`,
  noTags.flags,
);

// Elements inside which the end could not close the beginning. The end tag of a `div` closes any other.
const enclosing =
  /<(\/?)(div|iframe|math|noscript|object|script|select|style|svg|table|template|textarea|title)\b|<!--/gi;

/**
 * Splits a page into what is sent at once and its end. Returns undefined if the page leaves an element open that its end could not
 * close: browsers accept such a page, but would hide its end too.
 *
 * The end hides the beginning by a style, so that no script is needed. Both are in one live region, so that a screen reader reads
 * the end out. Styles are allowed by a nonce: those of the end are not known while the headers are written.
 */
export function streamed(first: Answer, { nonce, hash }: Tools): Streamed | undefined {
  const style = (css: string): string => `<style nonce="${nonce}">${css}</style>`;
  const { head, body } = partsOf(first, nonce);
  if (!isClosed(body)) return undefined;
  const scripted = body.includes('<script data-page=');
  const begin = `${head}${style(wrapping)}<div id="rx-page" role="status"><div id="rx-waiting">${body}`;
  return {
    status: first.status,
    headers: headersOf(first.headers, nonce, scripted ? [hash(titleScript)] : []),
    body: Buffer.from(begin.padEnd(minBytes)),
    end: (last) => {
      const location = valueOf(last.headers, 'Location');
      const end =
        location === undefined
          ? style(hiding) + endOf(partsOf(last, nonce), head, scripted)
          : leadingTo(location.replaceAll('&', '&amp;').replaceAll('"', '&quot;'));
      return Buffer.from(`</div>${end}</div></body></html>\n`);
    },
  };
}

interface Parts {
  /** HTML to the start tag of the body. */
  readonly head: string;
  readonly body: string;
}

/** Divides a page, whose author may have left out any tag. */
function partsOf({ body }: Answer, nonce: string): Parts {
  const html = body.toString().replace(/<style\b/gi, `$& nonce="${nonce}"`);
  let from = /^\s*<!doctype[^>]*>/i.exec(html)?.[0].length ?? 0;
  for (const { 0: found, index } of html.matchAll(boundaries)) {
    const isBody = /^<body/i.test(found);
    if (isBody || /^<\/head/i.test(found)) from = index + found.length;
    if (isBody) break;
  }
  return { head: html.slice(0, from), body: html.slice(from).replace(/<\/(?:body|html)\s*>/gi, '') };
}

/** Tells if every enclosing element and comment of a body is closed. */
function isClosed(body: string): boolean {
  const open: Record<string, number> = {};
  for (const [, slash, tag = '<!--'] of body.replace(noTags, '').matchAll(enclosing)) {
    const name = tag.toLowerCase();
    const left = (open[name] = (open[name] ?? 0) + (slash === '/' ? -1 : 1));
    if (left < 0) return false;
  }
  return Object.values(open).every((left) => left === 0);
}

/** Returns the content of the last page, with those of its styles that the first page does not have. */
function endOf({ head, body }: Parts, before: string, scripted: boolean): string {
  const styles = [...head.matchAll(/<style\b[^]*?<\/style\s*>/gi)]
    .map(([style]) => style)
    .filter((style) => !before.includes(style));
  const title = /<title\b[^>]*>([^<]*)/i.exec(head + body)?.[1]?.replaceAll('"', '&quot;');
  const titled = scripted && title ? `<script data-title="${title}">${titleScript}</script>` : '';
  return styles.join('') + body + titled;
}

/** A redirect after the headers have gone. The link is for browsers that do not follow by themselves. */
function leadingTo(url: string): string {
  return `<meta http-equiv="refresh" content="0;url=${url}"><p dir="ltr"><a href="${url}">${url}</a></p>`;
}

/** Returns the headers of the page: no proxy, middleware or compression may hold its beginning back. */
function headersOf(headers: readonly string[], nonce: string, scripts: readonly string[]): string[] {
  const made: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2);
    if (name === 'Content-Length') continue;
    made.push(name);
    if (name === 'Cache-Control') made.push(`${value}, no-transform`);
    else made.push(name === 'Content-Security-Policy' ? policyOf(value, nonce, scripts) : value);
  }
  return [...made, 'X-Accel-Buffering', 'no'];
}

function policyOf(policy: string, nonce: string, scripts: readonly string[]): string {
  const directives = policy.split('; ').filter((each) => !each.startsWith('style-src '));
  return [
    ...directives.map((each) => (each.startsWith('script-src ') ? [each, ...scripts].join(' ') : each)),
    `style-src 'nonce-${nonce}'`,
  ].join('; ');
}

function valueOf(headers: readonly string[], name: string): string | undefined {
  const index = headers.indexOf(name);
  return index < 0 ? undefined : headers[index + 1];
}
