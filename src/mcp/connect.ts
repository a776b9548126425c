import { from, map, merge, NEVER, switchMap, take, timer, firstValueFrom, type Observable } from 'rxjs';
import { loadOptional, MissingPackageError } from '../base/optional-package.ts';
import type { McpServerOptions } from './options.ts';
import type { FetchLike } from './requests.ts';

/** Client of an MCP SDK, 1.x or 2.x. */
export interface McpClient<T> {
  connect(transport: T, options?: { timeout?: number }): Promise<void>;
  /** Called if the handshake fails. */
  close?(): Promise<void>;
}

/** Creates a transport to a server that sends its requests by `fetch`. */
export type CreateTransport<T> = (url: URL, options: { fetch: FetchLike }) => T;

/** Options of `connect`. */
export interface ConnectOptions<T> extends McpServerOptions {
  /**
   * Creates the transport.
   * @default a `StreamableHTTPClientTransport` of the SDK that the client is of
   */
  transport?: CreateTransport<T>;
  /** Maximum number of milliseconds that the server may take for the handshake, 1 to 86,400,000. @default 60_000 */
  handshakeTimeout?: number;
}

// The longest period of a timer.
const longestMs = 2 ** 31 - 1;

/**
 * Connects a client. The time of the handshake does not run while tokens are renewed, because a person may be asked for them.
 *
 * @param handshakeTimeout In milliseconds.
 */
export async function connectClient<T>(
  client: McpClient<T>,
  transport: T,
  handshakeTimeout: number,
  isRenewing: Observable<boolean>,
): Promise<void> {
  const late = clock(handshakeTimeout, isRenewing).pipe(
    map((): never => {
      throw new DOMException(
        `the server did not answer the handshake within ${handshakeTimeout} ms`,
        'TimeoutError',
      );
    }),
  );
  try {
    await firstValueFrom(merge(late, from(client.connect(transport, { timeout: longestMs }))), {
      defaultValue: undefined,
    });
  } catch (error) {
    // Its request would go on, and the client could not connect again.
    await client.close?.().catch(() => undefined);
    throw error;
  }
}

/** Emits once a time is over that runs only while nothing is renewed. */
function clock(ms: number, isRenewing: Observable<boolean>): Observable<unknown> {
  let left = ms;
  let startedAt = 0;
  return isRenewing.pipe(
    switchMap((renews) => {
      const now = performance.now();
      if (renews) {
        left -= startedAt === 0 ? 0 : now - startedAt;
        return NEVER;
      }
      startedAt = now;
      return timer(Math.max(left, 0));
    }),
    take(1),
  );
}

/** Resolves with a transport of the package that a client is of. Rejects with `MissingPackageError` if neither is installed. */
export async function transportFor(client: object): Promise<CreateTransport<unknown>> {
  const modern = await installed(
    loadOptional('@modelcontextprotocol/client', () => import('@modelcontextprotocol/client')),
  );
  if (modern && client instanceof modern.Client)
    return (url, options) => new modern.StreamableHTTPClientTransport(url, options);
  const name = '@modelcontextprotocol/sdk';
  const legacy = await installed(
    loadOptional(name, () => import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
  );
  const { StreamableHTTPClientTransport: Transport } = legacy ?? modern ?? {};
  if (!Transport) throw new MissingPackageError('@modelcontextprotocol/client');
  return (url, options) => new Transport(url, options);
}

async function installed<T>(loading: Promise<T>): Promise<T | undefined> {
  return loading.catch((error: unknown) => {
    if (error instanceof MissingPackageError) return undefined;
    throw error;
  });
}
