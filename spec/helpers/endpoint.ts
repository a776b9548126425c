import {
  type CallbackResponse,
  type Flow,
  type OAuthCallbackServer,
  type Redirect,
  type ServerEvent,
  type ServerOptions,
  createOAuthCallbackServer,
} from '../../src/index.ts';
import { send, visit, type HttpAnswer, type HttpRequest } from './http.ts';

/** How the server under test is made; a weakened twin is made by another one. */
export type Create = typeof createOAuthCallbackServer;

/** A running server with everything it emitted, in order. */
export interface Endpoint {
  server: OAuthCallbackServer;
  port: number;
  redirects: Redirect[];
  events: ServerEvent[];
  /** The diagnostics it wrote. */
  log: string[];
  /** A top-level navigation to a target of it. */
  visit: (target: string, headers?: Readonly<Record<string, string>>) => Promise<HttpAnswer>;
  send: (request: HttpRequest) => Promise<HttpAnswer>;
}

/** Runs `body` against a server of its own on a free port, and closes it whatever happens. */
export async function withServer<T>(
  options: ServerOptions,
  body: (endpoint: Endpoint) => Promise<T>,
  create: Create = createOAuthCallbackServer,
): Promise<T> {
  const log: string[] = [];
  const logger = {
    debug: (line: string) => void log.push(line),
    warn: (line: string | Error) => void log.push(String(line)),
  };
  const server = create({ logger, ...options });
  const redirects: Redirect[] = [];
  const events: ServerEvent[] = [];
  await server.listen();
  try {
    const { port } = server.address;
    server.redirects.subscribe((redirect) => redirects.push(redirect));
    server.events.subscribe((event) => events.push(event));
    return await body({
      server,
      port,
      redirects,
      events,
      log,
      visit: (target, headers) => visit(port, target, headers),
      send: (request) => send(port, request),
    });
  } finally {
    await server.close();
  }
}

/** Record of a flow, in the order of what it emits. */
export interface Outcome {
  responses: CallbackResponse[];
  errors: unknown[];
  completed: boolean;
}

/** Subscribes to a flow at once, so that "nothing was delivered" can be seen as well. */
export function observe(flow: Flow): Outcome {
  const seen: Outcome = { responses: [], errors: [], completed: false };
  flow.response.subscribe({
    next: (response) => seen.responses.push(response),
    error: (error: unknown) => seen.errors.push(error),
    complete: () => (seen.completed = true),
  });
  return seen;
}
