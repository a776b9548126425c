import { escapeHtml } from '../../page/page.ts';
import type { Reply } from './exchange.ts';

/** Makes the page that asks the user: its form sends `fields`, and `decision` as `allow` or `deny`. */
export function consentPage(client: string, action: string, fields: Readonly<Record<string, string>>): Reply {
  return page(
    200,
    `Allow ${client}?`,
    `<form method="post" action="${action}">${hidden(Object.entries(fields))}
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>`,
  );
}

/** Makes the page that asks for the code of a device. */
export function codePage(action: string): Reply {
  return page(
    200,
    'Connect a device',
    `<form method="post" action="${action}"><label>Code <input name="user_code" required></label>
<button>Continue</button></form>`,
  );
}

/**
 * Makes the page that sends a response as a form, by its script or its button.
 *
 * @see OAuth 2.0 Form Post Response Mode
 */
export function formPostPage(action: string, parameters: readonly (readonly [string, string])[]): Reply {
  return page(
    200,
    'Submit this form',
    `<form method="post" action="${escapeHtml(action)}">${hidden(parameters)}<button>Continue</button></form>
<script>document.forms[0].submit()</script>`,
  );
}

export function textPage(status: number, title: string, message: string): Reply {
  return page(status, title, `<p>${escapeHtml(message)}</p>`);
}

function hidden(fields: readonly (readonly [string, string])[]): string {
  return fields
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('');
}

function page(status: number, title: string, body: string): Reply {
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
</body></html>
`,
  };
}
