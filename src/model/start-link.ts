import { sha256 } from '../base/sha256.ts';
import type { ResponseMode } from './redirect.ts';

/** Target of a start URL, and what its browser must be given. */
export interface StartLink {
  readonly state: string;
  /** URL of the authorization request. */
  readonly url: string;
  readonly responseMode: ResponseMode;
  /** End of the flow, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** True if the page asks the user before it leads on. */
  readonly asks: boolean;
  /** Name of the remote program that began the flow. */
  readonly program?: string | undefined;
  /** True once a browser has got the cookie. */
  readonly used: boolean;
}

/** A start URL that a browser has opened. */
export interface FoundLink {
  readonly link: StartLink;
  /** Value of the cookie that binds the browser. */
  readonly cookie: string;
  /** Milliseconds until the flow ends, by the clock that its end was set by. */
  readonly left: number;
  /** Marks the link as used. Resolves with false if another request was first. */
  use(): Promise<boolean>;
}

/** Derives the cookie of a flow from its start id, so that no store has to keep it. @param secret Secret of the server's nodes. */
export function startCookie(secret: string, startId: string): string {
  return sha256(JSON.stringify(['start cookie', secret, startId]), 'base64url');
}

/** Returns the digest by which a flow knows its cookie. */
export function browserOf(cookie: string): string {
  return sha256(cookie, 'base64url');
}
