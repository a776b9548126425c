/** Renders the page with the login form. */
export function loginPage(view: {
  client: string;
  password: string;
  complaint?: string | undefined;
}): string {
  return page(
    'Sign in',
    `<p>to continue to <strong>${escape(view.client)}</strong></p>
${view.complaint ? `<p role="alert">${escape(view.complaint)}</p>` : ''}
<form method="post">
<label>Name <input name="login" type="text" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p class="hint">This is a demo: any name will do, the password is “${escape(view.password)}”.</p>
<button name="decision" value="continue">Sign in</button>
<button name="decision" value="stop" formnovalidate>Cancel</button>
</form>`,
  );
}

/** Renders the page with the consent form. */
export function consentPage(view: { client: string; user: string }): string {
  return page(
    `Allow ${view.client}?`,
    `<p><strong>${escape(view.client)}</strong> wants to know that you are <strong>${escape(view.user)}</strong>.</p>
<form method="post">
<button name="decision" value="continue">Allow</button>
<button name="decision" value="stop">Deny</button>
</form>`,
  );
}

/** Renders an error page. */
export function problemPage(message: string): string {
  return page('This did not work', `<p>${escape(message)}</p>`);
}

const style = `:root{color-scheme:light dark}
body{max-width:24rem;margin:4rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}
label,input{display:block;width:100%;box-sizing:border-box}
label{margin-top:1rem}
input,button{padding:.5rem .75rem;font:inherit}
button{margin:1rem .5rem 0 0}
.hint{font-size:.875rem;opacity:.75}
[role=alert]{padding-left:.75rem;border-left:.25rem solid crimson}`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(title)}</title><style>${style}</style></head>
<body><main><h1>${escape(title)}</h1>
${body}
</main></body></html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
