import { randomBytes } from 'node:crypto';
import { Browser } from '../../testing/browser.ts';
import type { Step } from './events.ts';
import { headlineOf } from '../../testing/html.ts';

const secret = (): string => randomBytes(32).toString('base64url');

/** Parameters with an attacker's code, which a careless sign-in would accept. @see RFC 9700 section 4.7 */
const forgeries: Readonly<Record<string, () => Record<string, string>>> = {
  'unknown state': () => ({ code: secret(), state: secret() }),
  'missing state': () => ({ code: secret() }),
};

/** Sends a victim's browser to the redirect URI, as a link on the attacker's page would. */
export async function* forgedRedirects(redirectUri: string): AsyncGenerator<Step> {
  for (const [forgery, parameters] of Object.entries(forgeries)) {
    const url = new URL(redirectUri);
    url.search = new URLSearchParams(parameters()).toString();
    const { status, html } = await new Browser().open(url, 'cross-site');
    yield { type: 'forged', at: Date.now(), forgery, status, headline: headlineOf(html) };
  }
}
