/** Every door by which a redirect comes in: servers and frameworks, each with one callback server. */
import { createServer, type Server } from 'node:http';
import { connect, type ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import express from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { createFetchHandler } from '../../src/fetch.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer, type ServerOptions } from '../../src/index.ts';
import { doorOf, mountedOn, type Door, type OpenDoor } from './door.ts';
import type { HttpRequest } from './http.ts';
import { listenOnLoopback } from './loopback.ts';

export type CreateFetchHandler = typeof createFetchHandler;

/** Opens a door whose port must be known before the callback server is made. */
async function onNode(
  http: Server,
  mount: (server: OAuthCallbackServer) => void,
  options: ServerOptions,
  body: (door: OpenDoor) => Promise<void>,
): Promise<void> {
  await using listening = await listenOnLoopback(http);
  await using server = createOAuthCallbackServer({ ...mountedOn(listening.port), ...options });
  await server.listen();
  mount(server);
  await body(doorOf(server, listening.port));
}

function overHttp2(server: OAuthCallbackServer, port: number): OpenDoor {
  const origin = `http://127.0.0.1:${port}`;
  const begin = ({ method = 'GET', target = '/', headers = {}, body }: HttpRequest): ClientHttp2Stream => {
    const session = connect(origin);
    const given = Object.fromEntries(
      (Array.isArray(headers) ? headers : Object.entries(headers)).map(([name, value]: [string, string]) => [
        name.toLowerCase() === 'host' ? ':authority' : name.toLowerCase(),
        value,
      ]),
    ) as Record<string, string>;
    const stream = session.request(
      { ':method': method, ':path': target, ...given },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    stream.once('close', () => session.destroy());
    return stream;
  };
  const headOf = (stream: ClientHttp2Stream): Promise<Record<string, string | undefined>> =>
    new Promise((resolve, reject) => {
      stream.once('response', (head) => resolve(head as Record<string, string | undefined>));
      stream.once('error', reject);
    });
  return {
    server,
    ask: async (request) => {
      const stream = begin(request);
      const { ':status': status, ...headers } = await headOf(stream);
      let body = '';
      for await (const part of stream) body += String(part);
      return { status: Number(status), headers, body };
    },
    stream: async (target) => {
      const stream = begin({ target });
      await headOf(stream);
      const parts = stream[Symbol.asyncIterator]();
      return {
        next: async () => {
          const { value } = (await parts.next()) as { value?: Buffer };
          return value?.toString();
        },
        leave: () => stream.destroy(),
      };
    },
  };
}

async function withFastify(
  http2: boolean,
  options: ServerOptions,
  body: (door: OpenDoor) => Promise<void>,
): Promise<void> {
  const app: FastifyInstance = http2 ? (fastify({ http2: true }) as unknown as FastifyInstance) : fastify();
  const holder: { server?: OAuthCallbackServer } = {};
  app.addHook('onRequest', ({ raw }, reply, done) => holder.server!.handler(raw, reply.raw, done));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  await using server = createOAuthCallbackServer({ ...mountedOn(port), ...options });
  try {
    await server.listen();
    holder.server = server;
    await body(http2 ? overHttp2(server, port) : doorOf(server, port));
  } finally {
    if (!http2) app.server.closeAllConnections();
    await app.close();
  }
}

/** Serves a `fetch` handler by the adaptor of Hono, as it serves every program for `Request` and `Response`. */
export function byFetch(create: CreateFetchHandler = createFetchHandler): Door {
  return {
    name: 'fetch under Node',
    open: async (options, body) => {
      const holder: { handle?: ReturnType<CreateFetchHandler> } = {};
      const http = createAdaptorServer({
        fetch: (request, { incoming }) => holder.handle!(request, { address: incoming.socket.remoteAddress }),
      }) as Server;
      await onNode(http, (server) => (holder.handle = create(server)), options, body);
    },
  };
}

export const doors: readonly Door[] = [
  {
    name: 'a server of its own',
    open: async (options, body) => {
      await using server = createOAuthCallbackServer(options);
      await server.listen();
      await body(doorOf(server, server.address.port));
    },
  },
  {
    name: 'a borrowed server',
    open: async (options, body) => {
      await using listening = await listenOnLoopback(
        createServer((_request, response) => void response.writeHead(404).end()),
      );
      await using server = createOAuthCallbackServer({ server: listening.http, ...options });
      await server.listen();
      await body(doorOf(server, listening.port));
    },
  },
  {
    name: 'Express',
    open: (options, body) => {
      const app = express();
      return onNode(createServer(app), (server) => void app.use(server.handler), options, body);
    },
  },
  { name: 'Fastify', open: (options, body) => withFastify(false, options, body) },
  { name: 'Fastify over HTTP/2', open: (options, body) => withFastify(true, options, body) },
  {
    name: 'Hono with the handler of Node',
    open: (options, body) => {
      const app = new Hono<{ Bindings: HttpBindings }>();
      const http = createAdaptorServer({ fetch: app.fetch }) as Server;
      const mount = (server: OAuthCallbackServer): void => {
        app.use(async ({ env: { incoming, outgoing } }, next) => {
          const passing: true[] = [];
          server.handler(incoming, outgoing, () => passing.push(true));
          if (passing.length === 0) return RESPONSE_ALREADY_SENT;
          await next();
          return undefined;
        });
      };
      return onNode(http, mount, options, body);
    },
  },
  {
    name: 'a route of Hono by fetch',
    open: (options, body) => {
      const app = new Hono<{ Bindings: HttpBindings }>();
      const http = createAdaptorServer({ fetch: app.fetch }) as Server;
      const mount = (server: OAuthCallbackServer): void => {
        const handle = createFetchHandler(server);
        app.use(({ req, env }, next) =>
          handle(req.raw, {
            address: env.incoming.socket.remoteAddress,
            next: async () => {
              await next();
              return new Response('not here', { status: 404 });
            },
          }),
        );
      };
      return onNode(http, mount, options, body);
    },
  },
  byFetch(),
];
