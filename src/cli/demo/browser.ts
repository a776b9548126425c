import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { CookieJar } from './cookie-jar.ts';
import { formOf } from './html.ts';

/** Page after the last redirect. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

/** Value of `Sec-Fetch-Site`: relation of a page to the page that the navigation starts from. */
export type Site = 'none' | 'same-origin' | 'same-site' | 'cross-site';

interface Navigation {
  readonly url: URL;
  readonly site: Site;
  /** Fields of a submitted form; without them the request is a GET. */
  readonly form?: URLSearchParams;
}

const maxRedirects = 10;

/** Browser with the features that a sign-in needs: it follows redirects, keeps cookies and submits forms. */
export class Browser {
  readonly #cookies = new CookieJar();

  /** Opens a URL as if typed, or from a link on another page if `site` says so. */
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
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await this.#send(navigation);
      const { location } = response.headers;
      const html = await text(response);
      const status = response.statusCode ?? 0;
      if (status < 300 || status > 399 || location === undefined)
        return { url: navigation.url, status, html };
      navigation = redirected(navigation, new URL(location, navigation.url));
    }
    throw new Error(`more than ${maxRedirects} redirects from ${first.url.origin}${first.url.pathname}`);
  }

  // `fetch` is not used, because it sets `Sec-Fetch-Mode` itself.
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

/** Follows a redirect. All servers of the demo are on loopback: another port is another origin of the same site. */
function redirected({ url, site }: Navigation, target: URL): Navigation {
  const sameOrigin = target.origin === url.origin;
  return { url: target, site: site === 'same-origin' && !sameOrigin ? 'same-site' : site };
}
