import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { CookieJar } from './cookie-jar.ts';
import { formOf } from './html.ts';

/** What the browser shows after the last redirect. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

/** How the page in question relates to the one the navigation starts from, as browsers tell it. */
export type Site = 'none' | 'same-origin' | 'same-site' | 'cross-site';

interface Navigation {
  readonly url: URL;
  readonly site: Site;
  /** A form's fields; absent, it is a GET. */
  readonly form?: URLSearchParams;
}

const mostRedirects = 10;

/** As much of a browser as a sign-in needs: it follows redirects, keeps cookies and submits forms. */
export class Browser {
  readonly #cookies = new CookieJar();

  /** Opens a URL, as if typed or, where `site` says so, from a link somewhere. */
  open(url: URL, site: Site = 'none'): Promise<Page> {
    return this.#navigate({ url, site });
  }

  /** Fills in the page's form and presses a button, which is named by its text. */
  submit(page: Page, button: string, fields: Readonly<Record<string, string>> = {}): Promise<Page> {
    const { action, pressed } = formOf(page.html, button, Object.keys(fields));
    return this.#navigate({
      url: new URL(action, page.url),
      site: 'same-origin',
      form: new URLSearchParams({ ...fields, ...pressed }),
    });
  }

  async #navigate(first: Navigation): Promise<Page> {
    let navigation = first;
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const response = await this.#send(navigation);
      const { location } = response.headers;
      const html = await text(response);
      const status = response.statusCode ?? 0;
      if (status < 300 || status > 399 || location === undefined)
        return { url: navigation.url, status, html };
      navigation = redirected(navigation, new URL(location, navigation.url));
    }
    throw new Error(`more than ${mostRedirects} redirects from ${first.url.origin}${first.url.pathname}`);
  }

  // Not by fetch(), which has a Sec-Fetch-Mode of its own.
  async #send({ url, site, form }: Navigation): Promise<IncomingMessage> {
    const outgoing = request(url, {
      method: form ? 'POST' : 'GET',
      headers: {
        'Sec-Fetch-Dest': 'document',
        'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Site': site,
        ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...this.#cookies.headersFor(url),
      },
    });
    outgoing.end(form?.toString());
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    this.#cookies.store(url, response.headers['set-cookie'] ?? []);
    return response;
  }
}

/** Everything here is on loopback, where another port is another origin of the same site. */
function redirected({ url, site }: Navigation, target: URL): Navigation {
  const sameOrigin = target.origin === url.origin;
  return { url: target, site: site === 'same-origin' && !sameOrigin ? 'same-site' : site };
}
