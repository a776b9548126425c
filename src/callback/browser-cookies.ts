import { sha256 } from '../base/sha256.ts';
import { browserOf, type FoundLink } from '../model/start-link.ts';

// `__Host-` keeps a cookie from being set by another host of the domain. Browsers ask for https then.
const prefixes = { secure: '__Host-sign-in-', plain: 'sign-in-' } as const;

/** Maximum number of sign-ins that a browser has a cookie of; of more, the oldest one is removed. */
export const maxCookies = 20;

// The name tells the flow by a digest of the state, so that cookies do not show which states are pending.
const form = /^(?:__Host-)?sign-in-[\w-]{16}$/;
const valueForm = /^([\da-z]{1,10})\.([\w-]{43})$/;

interface SignInCookie {
  readonly name: string;
  /** Seconds since the epoch at which it was set. */
  readonly setAt: number;
  readonly value: string;
}

/** Names and reads the cookies that bind sign-ins to a browser. One cookie belongs to one flow. */
export class BrowserCookies {
  readonly #isSecure: () => boolean;
  readonly #startPath: string;

  /**
   * @param isSecure Tells if browsers reach the server by https.
   * @param startPath Path that start URLs begin with. Each tenant has its own, so that a state of two tenants has two cookies.
   */
  constructor(isSecure: () => boolean, startPath: string) {
    this.#isSecure = isSecure;
    this.#startPath = startPath;
  }

  /** Returns the digest of the browser's cookie for the flow of a state. */
  browserOf(header: string | undefined, state: string | undefined): string | undefined {
    const value = state === undefined ? undefined : this.valueOf(header, state);
    return value === undefined ? undefined : browserOf(value);
  }

  /** Returns the value of the browser's cookie for the flow of a state. */
  valueOf(header: string | undefined, state: string): string | undefined {
    // Most requests have none, and a digest takes time.
    if (!header?.includes(prefixes.plain)) return undefined;
    const name = this.#nameOf(state);
    return cookiesOf(header).find((cookie) => cookie.name === name)?.value;
  }

  /** Returns `Set-Cookie` headers, names and values in turn, that bind a browser to a flow, and remove its oldest cookies beyond the maximum. */
  set(header: string | undefined, { link, cookie, left }: FoundLink, now: number): string[] {
    const { state, responseMode } = link;
    const name = this.#nameOf(state);
    // A form that another site posts brings no cookie that is `Lax` (OAuth 2.0 Form Post Response Mode).
    const sameSite = responseMode === 'form_post' && this.#isSecure() ? 'None' : 'Lax';
    const value = `${Math.floor(now / 1_000).toString(36)}.${cookie}`;
    const maxAge = Math.max(1, Math.ceil(left / 1_000));
    const others = cookiesOf(header).filter((each) => each.name !== name);
    const surplus = others.sort((one, other) => one.setAt - other.setAt).slice(0, -(maxCookies - 1));
    return [
      ...surplus.flatMap((each) => this.#header(each.name, '', 0, 'Lax')),
      ...this.#header(name, value, maxAge, sameSite),
    ];
  }

  /** Returns the `Set-Cookie` header that removes the cookie of a flow. */
  remove(state: string): string[] {
    return this.#header(this.#nameOf(state), '', 0, 'Lax');
  }

  #nameOf(state: string): string {
    const prefix = this.#isSecure() ? prefixes.secure : prefixes.plain;
    return prefix + sha256(`cookie ${this.#startPath} ${state}`, 'base64url').slice(0, 16);
  }

  #header(name: string, value: string, maxAge: number, sameSite: 'Lax' | 'None'): string[] {
    const secure = this.#isSecure() ? '; Secure' : '';
    return [
      'Set-Cookie',
      `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly${secure}; SameSite=${sameSite}`,
    ];
  }
}

/** Reads the cookies of sign-ins from a `Cookie` header. Others, and malformed ones, are left out. */
function cookiesOf(header = ''): SignInCookie[] {
  return header.split(';').flatMap((pair) => {
    const [name = '', text = ''] = pair.trim().split('=', 2);
    const [, seconds = '', value] = valueForm.exec(text) ?? [];
    return value !== undefined && form.test(name) ? [{ name, setAt: parseInt(seconds, 36), value }] : [];
  });
}
