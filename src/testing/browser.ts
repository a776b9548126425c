import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { CookieJar } from './cookie-jar.ts';
import { formOf, refreshOf } from './html.ts';

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
  /** Origin of the page with the form. */
  readonly origin?: string;
}

const maxRedirects = 10;
const redirects = [301, 302, 303, 307, 308];

/** Browser with the features that a sign-in needs: it follows redirects, keeps cookies and submits forms. */
export class Browser {
  readonly #cookies = new CookieJar();
  readonly #signal: AbortSignal | undefined;

  /** @param signal Ends the request that is under way, and lets no other one begin. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Opens a URL as if typed, or from a link on another page if `site` says so. */
  open(url: URL, site: Site = 'none'): Promise<Page> {
    return this.#navigate({ url, site });
  }

  /** Fills in the page's form and presses a button, which is named by its text. */
  submit(page: Page, button: string, fields: Readonly<Record<string, string>> = {}): Promise<Page> {
    const { action, pressed } = formOf(page.html, button, Object.keys(fields));
    return this.send(page, action, new URLSearchParams({ ...fields, ...pressed }));
  }

  /** Sends the fields of a form to its action, as a page at `page.url` does. */
  send(page: Pick<Page, 'url'>, action: string, form: URLSearchParams): Promise<Page> {
    const url = new URL(action, page.url);
    return this.#navigate({ url, site: siteOf(page.url, url), form, origin: page.url.origin });
  }

  async #navigate(first: Navigation): Promise<Page> {
    let navigation = first;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const { url } = navigation;
      const page = await this.#load(navigation);
      const { status, html, location } = page;
      const refresh = location === undefined ? refreshOf(html) : undefined;
      if (location !== undefined) navigation = redirected(navigation, status, targetOf(location, url));
      else if (refresh === undefined) return { url, status, html };
      else navigation = refreshed(url, targetOf(refresh, url));
    }
    throw new Error(`more than ${maxRedirects} redirects from ${nameOf(first.url)}`);
  }

  async #load(navigation: Navigation): Promise<Omit<Page, 'url'> & { location: string | undefined }> {
    try {
      const response = await this.#request(navigation);
      const { statusCode: status = 0, headers } = response;
      const location = redirects.includes(status) ? headers.location : undefined;
      return { status, html: await text(response), location };
    } catch (error) {
      // A connection that the signal has ended fails in several ways.
      this.#signal?.throwIfAborted();
      throw error;
    }
  }

  // `fetch` is not used, because it sets `Sec-Fetch-Mode` itself.
  async #request({ url, site, form, origin }: Navigation): Promise<IncomingMessage> {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = request(url, {
      method: form ? 'POST' : 'GET',
      headers: {
        'Sec-Fetch-Dest': 'document',
        'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Site': site,
        ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...(form && origin !== undefined && { Origin: origin }),
        ...this.#cookies.headersFor({ url, isCrossSite: site === 'cross-site', isForm: form !== undefined }),
      },
      ...(this.#signal && { signal: this.#signal }),
    });
    outgoing.end(form?.toString());
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    this.#cookies.store(url, response.headers['set-cookie'] ?? []);
    return response;
  }
}

/** Returns the target of a redirect. No error shows it, because it may hold a code. */
function targetOf(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (!url) throw new Error(`${nameOf(from)} redirects to what is no URL`);
  if (!/^https?:$/.test(url.protocol))
    throw new Error(
      `${nameOf(from)} redirects to a URL of ${url.protocol}, which no browser opens by itself`,
    );
  return url;
}

function nameOf({ origin, pathname }: URL): string {
  return origin + pathname;
}

/** Follows the `Refresh` of a page. */
function refreshed(from: URL, target: URL): Navigation {
  return { url: target, site: siteOf(from, target) };
}

/** Follows a redirect. Only 307 and 308 send a form again. @see RFC 9110 sections 10.2.2 and 15.4 */
function redirected({ url, site, form }: Navigation, status: number, target: URL): Navigation {
  if (target.hash === '') target.hash = url.hash;
  const next = { url: target, site: farther(site, siteOf(url, target)) };
  // A browser sends `null` for the origin of a form that another origin has passed on.
  return form && (status === 307 || status === 308) ? { ...next, form, origin: 'null' } : next;
}

/** Tells how a page relates to the one that leads to it. The host stands for the site, so all of loopback's ports are one. */
function siteOf(from: URL, to: URL): Site {
  if (from.origin === to.origin) return 'same-origin';
  return from.protocol === to.protocol && from.hostname === to.hostname ? 'same-site' : 'cross-site';
}

/** A navigation keeps its farthest relation through redirects. One without a page that it starts from has none. */
function farther(site: Site, next: Site): Site {
  const order: readonly Site[] = ['same-origin', 'same-site', 'cross-site'];
  return site === 'none' || order.indexOf(site) >= order.indexOf(next) ? site : next;
}
