import type { Flow } from './flow.ts';

/** A way to the end of a sign-in, where it has several. */
export interface FlowLink {
  /**
   * `loopback` if the redirect comes to this machine, where the browser must be; `remote` if it comes to a service; `device` if the
   * user enters a code at the authorization server, on any device.
   */
  readonly kind: 'loopback' | 'remote' | 'device';
  /** URL to open in a browser. */
  readonly url: URL;
  /** URL to which the authorization server sends the browser of this link; undefined for a device code. */
  readonly redirectUri: string | undefined;
  /** Code to enter, for a device code. @see RFC 8628 section 3.3 */
  readonly userCode: string | undefined;
  /**
   * Submits what a user has copied from a browser that cannot reach the redirect URI: its URL, the query, or the code. It is sent to the
   * redirect URI, as the browser would have done, and passes the same checks.
   *
   * @throws {InvalidOptionError} The text is of another sign-in or issuer, or the host does not accept it, or the link is that of a device
   * code, as a rejection.
   * @throws {ConnectionError} The redirect URI cannot be reached from here either, as a rejection.
   */
  paste(text: string): Promise<void>;
}

type Add = (link: FlowLink) => void;

const adders = new WeakMap<object, Add>();

/** Lets whoever has the flow add links to it. */
export function takeLinks(flow: Flow, add: Add): void {
  adders.set(flow, add);
}

/** Adds a link to a flow that has several; does nothing to another one. */
export function addLink(flow: Flow, link: FlowLink): void {
  adders.get(flow)?.(link);
}

/** Returns the links of a flow that has several; none of another one. */
export function linksOf(flow: object): readonly FlowLink[] {
  return (flow as { links?: readonly FlowLink[] }).links ?? [];
}
