import { isSecure } from '../base/loopback.ts';
import { invalid } from '../base/validate.ts';

/** Options of `openBrowser`. */
export interface OpenBrowserOptions {
  /** Variables that tell which browser there is, and that it gets. @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens a URL in the user's browser, without a shell.
 *
 * The variable `BROWSER` comes before the browser of the system; `none` asks for no browser. None is opened where the user
 * would not see it: over SSH, in a container, or on Linux without a display. In WSL it is the browser of Windows.
 *
 * @param url https, or http on loopback.
 * @returns Resolves with true if a browser has taken the URL, and with false if there is none: show the URL then.
 * @throws {InvalidOptionError} if it is another URL, as a rejection
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { openBrowser } from 'rx-oauth-callback/login';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * const url = flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli' });
 * if (!(await openBrowser(url))) console.log('Open', url.href);
 */
export async function openBrowser(
  url: string | URL,
  { env = process.env }: OpenBrowserOptions = {},
): Promise<boolean> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // A URL of a sign-in may have secrets in its query, which a message must not show.
  if (!parsed || !isSecure(parsed))
    throw invalid('url', 'be https, or http on loopback', parsed ? parsed.origin : undefined);
  const [{ hasBrowser, launchBrowser }, { browserEnvironment }] = await Promise.all([
    import('./browser.ts'),
    import('./browser-environment.ts'),
  ]);
  return hasBrowser(env) && launchBrowser(parsed, browserEnvironment(env, []));
}
