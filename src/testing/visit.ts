import { InvalidOptionError } from '../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { requireOneOf, requireText, typeOf } from '../base/validate.ts';
import { Browser, type Page } from './browser.ts';
import { formsIn, textOf, titleOf, type Form } from './html.ts';

/** Options of `visit`, each optional. */
export interface VisitOptions {
  /**
   * Text of the button to press on each page that has one of this text, such as `'Deny'`.
   * @default the first button of the first form
   */
  press?: string;
  /**
   * Values for the fields that a page leaves empty, by their names. A form with another empty field is not submitted, and one with
   * any of them comes before others.
   */
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
 * It follows redirects and the `Refresh` of pages, keeps cookies for this visit, and submits the forms that it meets: of a provider that
 * asks for consent, of a response by `form_post`, of a start page. It knows inputs and buttons. It runs no script. At most 10 redirects in
 * a row and 10 forms are followed.
 *
 * A page of a server with `settle` is complete once the program has reported the outcome. Do not await the visit before that.
 *
 * @param url http or https URL.
 * @returns Rejects with `InvalidOptionError` if the URL or an option is invalid, with the reason of the signal once it aborts, and with the
 * error of the connection.
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
  if (press !== undefined) requireText('press', press);
  if (signal !== undefined && !('aborted' in signal))
    throw new InvalidOptionError('signal', `must be an AbortSignal; got ${typeOf(signal)}`);
  if (typeof fields !== 'object')
    throw new InvalidOptionError('fields', `must be an object; got ${typeOf(fields)}`);
  const browser = new Browser(signal);
  let page = await browser.open(readUrl(url));
  for (let submitted = 0; forms === 'submit'; submitted++) {
    const form = formFor(formsIn(page.html), fields, press);
    if (!form) break;
    if (submitted === maxForms) throw new Error(`more than ${maxForms} forms from ${page.url.origin}`);
    const button = form.buttons.find(({ text }) => text === press) ?? form.buttons[0];
    page = await browser.send(page, button?.action ?? form.action, entriesOf(form, fields, button));
  }
  return visited(page);
}

function readUrl(given: string | URL): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidOptionError('url', 'must be an absolute http or https URL');
}

/** Finds the form that a person goes on by: that of the button to press, or of the fields to fill in, or else the first one. */
function formFor(
  forms: readonly Form[],
  fields: Readonly<Record<string, string>>,
  press: string | undefined,
): Form | undefined {
  const complete = forms.filter((form) => isComplete(form, fields));
  return (
    complete.find(({ buttons }) => buttons.some(({ text }) => text === press)) ??
    complete.find(({ inputs }) => inputs.some((input) => isFilledIn(input, fields))) ??
    complete[0]
  );
}

/** Tells if a person fills in the input. A hidden one belongs to the page. */
function isFilledIn(
  { name, type }: Form['inputs'][number],
  fields: Readonly<Record<string, string>>,
): boolean {
  return type !== 'hidden' && Object.hasOwn(fields, name);
}

/** Tells if a person would go on by this form: it is sent by POST, and no field is left to fill in. */
function isComplete({ method, inputs }: Form, fields: Readonly<Record<string, string>>): boolean {
  return (
    method === 'post' && inputs.every(({ name, value }) => value !== undefined || Object.hasOwn(fields, name))
  );
}

function entriesOf(
  { inputs }: Form,
  fields: Readonly<Record<string, string>>,
  button: Form['buttons'][number] | undefined,
): URLSearchParams {
  const entries = new URLSearchParams();
  for (const input of inputs) {
    const { name, value = '' } = input;
    entries.append(name, (isFilledIn(input, fields) ? fields[name] : undefined) ?? value);
  }
  if (button?.name !== undefined) entries.append(button.name, button.value);
  return entries;
}

function visited({ url, status, html }: Page): VisitedPage {
  return { url, status, title: titleOf(html), text: textOf(html), html };
}
