import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Observable } from 'rxjs';
import type { CallbackHost } from '../model/callback-host.ts';
import type { Redirect } from '../model/redirect.ts';

/** HTTP server that publishes every OAuth redirect as a value of `redirects`. */
export interface OAuthCallbackServer extends CallbackHost, AsyncDisposable {
  /** Address that the server is bound to. @throws NotListeningError before `listen()`. */
  readonly address: AddressInfo;
  /** Every request that reaches the callback path as a redirect. Hot; never errors; completes on `close()`. */
  readonly redirects: Observable<Redirect>;
  /**
   * Binds the port. Does nothing if the server is listening; after `close()`, starts it again.
   *
   * @throws PortInUseError if another process uses the port; ListenError if the address cannot be bound.
   */
  listen(): Promise<void>;
  /**
   * Request handler to mount in a framework, for `server: 'mounted'`. Calls `next` for requests of other paths.
   *
   * If a parser has read the body of a form already, it must be in `request.body`: as text, as bytes, or as an object in
   * which a repeated parameter is a list.
   */
  readonly handler: (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => void,
  ) => void;
  /** Number of flows that wait for their redirect, in this process and in the store. */
  readonly pending: number;
  /**
   * Replaces the certificate of a server with `tls`. Open connections keep the previous one.
   *
   * @throws NotListeningError before `listen()`; InvalidOptionError if the server has no TLS of its own.
   */
  setSecureContext(tls: SecureContextOptions): void;
  /**
   * Checks that a request to the redirect URI reaches this server, at every address of its host.
   *
   * @throws UnreachableError if it does not: a proxy or tunnel is down, or another process uses the other address
   * family of the port.
   */
  probe(): Promise<void>;
}
