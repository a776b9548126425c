import { InvalidOptionError } from '../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { requireOneOf } from '../base/validate.ts';
import { Browser, type Page } from './browser.ts';
import { formsIn, textOf, titleOf, type Form } from './html.ts';

/** Options of `visit`, each optional. */
export interface VisitOptions {
  /**
   * Text of the button to press on each page that has one of this text, such as `'Deny'`.
   * @default the first button of the form
   */
  press?: string;
  /** Values for the fields that a page leaves empty, by their names. A form with another empty field is not submitted. */
  fields?: Readonly<Record<string, string>>;
  /**
   * Treatment of forms: `'submit'` sends those with `method="post"`, `'leave'` stops at the first page.
   * @default 'submit'
   */
  forms?: 'submit' | 'leave';
  /** Ends the visit when it aborts. */
  signal?: AbortSignal;
}

/** Last page of a visit. */
export interface VisitedPage {
  /** Address of the page. It may hold a code and a state. */
  readonly url: URL;
  /** HTTP status. */
  readonly status: number;
  /** Text of its `title`; empty without one. */
  readonly title: string;
  /** Words of its body on one line, without scripts and styles. */
  readonly text: string;
  /** Whole source of the page. */
  readonly html: string;
}

const table: OptionTable<VisitOptions> = { press: true, fields: true, forms: true, signal: true };

const defaults: Required<Pick<VisitOptions, 'fields' | 'forms'>> = { fields: {}, forms: 'submit' };

const maxForms = 10;

/**
 * Opens a URL as a person with a browser does. Resolves with the last page.
 *
 * It follows redirects, keeps cookies for this visit, and submits the forms that it meets: of a provider that asks for consent, of a
 * response by `form_post`, of a start page. It runs no script. At most 10 redirects in a row and 10 forms are followed.
 *
 * A page of a server with `settle` is complete once the program has reported the outcome. Do not await the visit before that.
 *
 * @param url http or https URL.
 * @returns Rejects with `InvalidOptionError` if the URL or an option is invalid, and with the error of the connection.
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { startFakeProvider, visit } from 'rx-oauth-callback/testing';
 * import { firstValueFrom } from 'rxjs';
 *
 * const provider = await startFakeProvider();
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * const url = flow.authorizationUrl(provider.authorizationEndpoint, { client_id: provider.clientId });
 * const [response, page] = await Promise.all([firstValueFrom(flow.response), visit(url)]);
 * console.log(response.code?.length, page.status, page.title);
 * await server.close();
 * await provider.close();
 */
export async function visit(url: string | URL, options: VisitOptions = {}): Promise<VisitedPage> {
  const { press, fields, forms, signal } = readOptions(options, table, { of: 'visit' }, defaults);
  requireOneOf('forms', forms, ['submit', 'leave']);
  const browser = new Browser(signal);
  let page = await browser.open(readUrl(url));
  for (let submitted = 0; forms === 'submit'; submitted++) {
    const form = formsIn(page.html).find((each) => isComplete(each, fields));
    if (!form) break;
    if (submitted === maxForms) throw new Error(`more than ${maxForms} forms from ${page.url.origin}`);
    page = await browser.send(page, form.action, entriesOf(form, fields, press));
  }
  return visited(page);
}

function readUrl(given: string | URL): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidOptionError('url', 'must be an absolute http or https URL');
}

/** Tells if a person would go on by this form: it is sent by POST, and no field is left to fill in. */
function isComplete({ method, inputs }: Form, fields: Readonly<Record<string, string>>): boolean {
  return (
    method === 'post' && inputs.every(({ name, value }) => value !== undefined || Object.hasOwn(fields, name))
  );
}

function entriesOf(
  { inputs, buttons }: Form,
  fields: Readonly<Record<string, string>>,
  press: string | undefined,
): URLSearchParams {
  const entries = new URLSearchParams();
  for (const { name, type, value = '' } of inputs) {
    // A hidden field belongs to the page; a visible one belongs to the person.
    const own = type !== 'hidden' && Object.hasOwn(fields, name) ? fields[name] : undefined;
    entries.append(name, own ?? value);
  }
  const button = buttons.find(({ text }) => text === press) ?? buttons[0];
  if (button?.name !== undefined) entries.append(button.name, button.value);
  return entries;
}

function visited({ url, status, html }: Page): VisitedPage {
  return { url, status, title: titleOf(html), text: textOf(html), html };
}
