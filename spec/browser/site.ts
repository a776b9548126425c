import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Page } from 'playwright-core';

/** Pages by path: HTML, or the target of a 302. */
export type SitePages = Readonly<Record<string, string | { readonly location: string }>>;

export interface SiteOptions {
  pages: SitePages;
  /** A name for 127.0.0.1: a browser takes each `*.localhost` for a site of its own. @default 'provider.localhost' */
  host?: string;
  tls?: SecureContextOptions;
}

/** A foreign web server on loopback: a provider, an attacker, or the target of a link. */
export interface Site extends AsyncDisposable {
  readonly port: number;
  readonly origin: string;
  /** The headers of each request, by path, in order. */
  readonly requests: { path: string; headers: IncomingHttpHeaders }[];
}

export async function startSite({ pages, host = 'provider.localhost', tls }: SiteOptions): Promise<Site> {
  const requests: Site['requests'] = [];
  const answer: RequestListener = ({ url = '', headers }, response) => {
    requests.push({ path: url, headers });
    const page = pages[url];
    // Not to be stored, so that what is found in a cache was put there by the server under test.
    response.setHeader('Cache-Control', 'no-store');
    if (page === undefined) response.writeHead(404).end();
    else if (typeof page === 'object') response.writeHead(302, { Location: page.location }).end();
    else response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
  };
  const server = tls ? createSecureServer(tls, answer) : createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${tls ? 'https' : 'http'}://${host}:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A provider with one button, which sends the browser on to `location`. */
export function startProvider(location: string, options: Partial<SiteOptions> = {}): Promise<Site> {
  return startSite({
    ...options,
    pages: { '/': '<h1>Provider</h1><a href="/allow">Allow</a>', '/allow': { location } },
  });
}

/** A person presses that button; resolves when the page they come to is shown. */
export async function comeBack(page: Page, provider: Site): Promise<void> {
  await page.goto(`${provider.origin}/`);
  await Promise.all([page.waitForURL((url) => url.origin !== provider.origin), page.click('a')]);
}

/** The page with which a provider answers by form_post: a form that submits itself. */
export function formPost(action: string, fields: Readonly<Record<string, string>>): string {
  const inputs = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
  );
  return `<form method="post" action="${action}">${inputs.join('')}</form><script>document.forms[0].submit()</script>`;
}

/** Opens a page that sends the browser on by itself; resolves when the page it comes to is shown. */
export async function openForwarding(page: Page, site: Site, path = '/'): Promise<void> {
  await page.goto(site.origin + path, { waitUntil: 'commit' });
  await page.waitForURL((url) => url.origin !== site.origin);
}
