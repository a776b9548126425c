import type { Server } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import type { Observer, SchedulerLike } from 'rxjs';
import type { Binding } from '../model/binding.ts';
import type { OAuthCallbackResult } from '../model/callback-result.ts';
import type { HoldOptions } from '../flows/held-redirects.ts';
import type { Limits } from './limits.ts';
import type { PageView } from '../page/page.ts';
import type { Language, OwnTexts } from '../page/texts.ts';

/** Receiver of diagnostics, a string or an error each; `console` and pino both fit. Never gets a code or a state. */
export interface Logger {
  debug?(message: string): void;
  warn?(message: string | Error): void;
}

/** Options of `createOAuthCallbackServer`, each optional. */
export interface ServerOptions {
  /**
   * TCP port, 0 to 65,535. With 0 the operating system chooses a free port. If a given port is taken, `listen()`
   * rejects. Of several ports the first free one is used.
   * @default 0
   */
  port?: number | readonly number[];
  /**
   * Address to bind: a loopback literal, or `localhost`, which is advertised as such and binds both address families or
   * fails. Any other address requires `tls` or `publicUrl`. `::` includes IPv4.
   * @default 127.0.0.1 and ::1 on one port, advertised as 127.0.0.1
   */
  host?: string;
  /**
   * Server to use instead of opening one: a `node:http`, `node:https` or `node:http2` server that already listens and
   * keeps answering its other requests. With `'mounted'` a framework calls `server.handler`, and `publicUrl` must be the
   * URL of that. A given server is neither bound nor closed by the callback server.
   */
  server?: Server | Http2Server | Http2SecureServer | 'mounted';
  /** Key and certificate to listen with TLS. */
  tls?: SecureContextOptions;
  /**
   * Path of the redirect URI, compared without normalization. A query in it must return unchanged.
   * @default '/callback'
   * @see RFC 6749 section 3.1.2
   */
  callbackPath?: string;
  /**
   * Path below which the start URLs of flows lie that are bound to the browser, such as `/start/xVw0…`.
   * @default `start` beside the last segment of `callbackPath`: '/start' for '/callback'
   */
  startPath?: string;
  /**
   * Binding of flows that do not name one. Programs over a bridge may name another, but `'none'` only if this is `'none'`.
   * @default 'cookie', or 'none' if the redirect URI is on loopback
   */
  binding?: Binding;
  /**
   * Flows whose start URL first asks the user if they have started the sign-in: those of programs over a bridge, all, or none.
   * @default 'remote'
   */
  consent?: 'remote' | 'always' | 'never';
  /**
   * URL by which browsers reach this server if it is not the bound address, such as `https://sign-in.example`: `https`,
   * or `http` on loopback. The proxy must pass `Host` on. If the URL has a path, the proxy must strip it. If the host is
   * `localhost` and the port is the bound one, both address families are bound, or `listen()` rejects.
   */
  publicUrl?: string;
  /**
   * IP addresses and CIDR ranges of proxies whose `X-Forwarded-For` or `Forwarded` is believed, for limits that hold for each
   * client. Nothing else is read from those headers. Without it, connections from this machine to a server with a public URL
   * count for no address.
   * @default []
   * @see RFC 7239 section 8.1
   */
  trustedProxies?: readonly string[];
  /** URL of the server that the user connects to, shown on the success page. */
  serverUrl?: string;
  /**
   * Name that follows the outcome in the titles of the pages: "Sign-in cancelled – Notes".
   * @default the product name, if there is one
   */
  title?: string;
  /** Name of the product that signs in, shown at the top of the pages. */
  productName?: string;
  /** Image for the pages, as a `data:image/` URI. */
  logo?: string;
  /**
   * Language of the pages; `auto` uses the browser's `Accept-Language`. There, `pt` without a region is Brazilian, and Chinese
   * without a script is traditional in Taiwan, Hong Kong and Macau only.
   * @default 'auto'
   */
  language?: Language | 'auto';
  /**
   * Own sentences for the pages, as plain text, by language: `{ en: { success: 'Welcome' } }`. Those that are left out stay as
   * they are. `connected` has a place for the server, `{}`.
   */
  texts?: OwnTexts;
  /**
   * Method that removes the code from the address bar: a script of the page, a redirect, or none. Only the redirect removes
   * it from the browser's history too. With either, a reload shows how the sign-in ended.
   * @default 'script'
   */
  cleanUrl?: 'script' | 'redirect' | false;
  /**
   * Milliseconds that the page waits for `flow.settle`, 1 to 300,000. After 100 ms it shows that the sign-in is being
   * finished, and then the outcome. With `false` it is sent at once, and says that the sign-in was received.
   * @default false
   */
  settle?: number | false;
  /** URLs that `flow.settle` may send the browser to, compared exactly. @default [] */
  finishUrls?: readonly string[];
  /** Renders a page as HTML, from a view with escaped strings. `<style>` elements work, scripts do not. */
  render?: (view: PageView) => string;
  /**
   * Object that receives the first accepted response: `code` and `state`, or `error`. While no flow is pending, any
   * well-formed response is accepted for it.
   */
  resultContainer?: OAuthCallbackResult;
  /** Observer that is called once, by `next` and `complete`, when `resultContainer` has been filled. */
  resultReady?: Partial<Observer<void>> | Partial<Observer<OAuthCallbackResult>>;
  /**
   * Treatment of a well-formed redirect whose state no flow has: rejected, accepted, or held until a program asks for
   * its state.
   * @default 'reject'
   */
  unmatched?: 'reject' | 'accept' | HoldOptions;
  /**
   * Effect of an `error` without `state`: none, or it ends the pending flow if there is exactly one. Flows of remote
   * listeners do not count, because they always need a state.
   * @default 'ignore'
   */
  errorWithoutState?: 'ignore' | 'end-only-flow';
  /**
   * Issuers of the authorization servers in use. With several, each `begin` must name its own, and give a `context`,
   * `issuerAdvertised` or `requireIssuer`.
   * @default []
   * @see RFC 9207 section 4
   */
  issuers?: readonly string[];
  /**
   * Milliseconds that a flow waits for its redirect, 1 to 86,400,000.
   * @default 600_000
   * @see RFC 6749 section 4.1.2, which recommends the same maximum for a code
   */
  flowTtl?: number;
  /**
   * Maximum number of pending flows, 1 to 10,000,000. Beyond it `begin` rejects; pending flows are unaffected. If several
   * credentials may begin flows over a bridge, each has at most half of them.
   * @default 100_000
   */
  maxFlows?: number;
  /**
   * Milliseconds that `close()` gives pages in flight, 0 to 60,000.
   * @default 1_500
   */
  closeTimeout?: number;
  /** Bounds on requests. @default those of `Limits` */
  limits?: Limits;
  /**
   * Source of time, for virtual time in tests.
   * @default the system's monotonic clock
   */
  scheduler?: SchedulerLike;
  /**
   * Receiver of exceptions in subscribers, and of a line for each redirect that was not accepted.
   * @default exceptions become process warnings
   */
  logger?: Logger;
}
