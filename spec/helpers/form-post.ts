/** A browser that runs the script of a `form_post` page: it submits the form at once, from the site of the server. */
import { Browser } from '../../src/cli/demo/browser.ts';
import { navigation, send, type HttpAnswer } from './http.ts';

/** Opens an authorization URL, and returns the page that the submitted form leads to. */
export async function openAndPost(url: URL): Promise<HttpAnswer> {
  const { html } = await new Browser().open(url);
  const action = /<form method="post" action="([^"]*)"/.exec(html)?.[1];
  if (action === undefined) throw new Error(`no form in ${html}`);
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const body = new URLSearchParams(fields.map(([, name = '', value = '']) => [name, value]));
  return send(action, {
    method: 'POST',
    headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: String(body),
  });
}
