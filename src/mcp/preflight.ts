import type { Fetch } from '../login/requests.ts';

// A person waits for the page behind this request.
const timeoutMs = 5_000;

// Statuses of the page on which a server says that it does not know the client, or not its redirect URI.
const rejections = [400, 401, 404, 422];

/**
 * Tells if an authorization server answers an authorization URL with an error page. It does so for a client that it has forgotten,
 * and then never redirects. The request has no cookies, and no redirect is followed.
 *
 * @see RFC 6749 section 4.1.2.1
 */
export async function isRejected(url: URL, fetch: Fetch): Promise<boolean> {
  const init: RequestInit = {
    headers: { accept: 'text/html' },
    redirect: 'manual',
    credentials: 'omit',
    signal: AbortSignal.timeout(timeoutMs),
  };
  // A server that does not answer this request may answer the browser.
  const response = await fetch(url.href, init).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined && rejections.includes(response.status);
}
