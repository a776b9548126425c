/** Paths of a server that others of this package answer, however the server gets its requests. */
import type { Server } from 'node:http';
import { createOAuthCallbackServer, type ServerOptions } from '../../../src/index.ts';
import { internalsOf } from '../../../src/server/internals.ts';
import { takeRequests } from '../../../src/http/routes.ts';
import { equal, is, throws } from '../../helpers/assert.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { send } from '../../helpers/http.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('routes');

const here = 'answered here';
const other = 'answered by the program';

/** A program's own server, on which the callback server has a part. */
async function withProgram(
  mount: (http: Server) => ServerOptions,
  body: (port: number, http: Server, options: ServerOptions) => Promise<void>,
): Promise<void> {
  await using program = await listenOnLoopback();
  await body(program.port, program.http, mount(program.http));
}

test('answers on an own server, until its undo', () =>
  withServer({}, async ({ server, send: ask, redirects }) => {
    const undo = takeRequests(internalsOf(server), '/here', (_request, response) => response.end(here));
    equal(
      [(await ask({ target: '/here?a=1' })).body, (await ask({ target: '/here', method: 'POST' })).body],
      [here, here],
    );
    is((await ask({ target: '/here/' })).status, 404);
    undo();
    is((await ask({ target: '/here' })).status, 404);
    equal(redirects, []);
  }));

test('leaves requests alone once the last path is given back, until the next is taken', () =>
  withServer({}, async ({ server, send: ask }) => {
    const internals = internalsOf(server);
    const { onRequest } = internals;
    let asked = 0;
    internals.onRequest = (routeOf) =>
      onRequest(
        routeOf &&
          ((request) => {
            asked++;
            return routeOf(request);
          }),
      );
    const take = (path: string): (() => void) =>
      takeRequests(internals, path, (_request, response) => response.end(here));
    const undo = [take('/one'), take('/two')];
    undo[0]?.();
    is((await ask({ target: '/two' })).body, here);
    is(asked, 1);
    undo[1]?.();
    is((await ask({ target: '/two' })).status, 404);
    is(asked, 1);
    take('/two');
    is((await ask({ target: '/two' })).body, here);
    is(asked, 2);
  }));

test('leaves requests for other paths to the server', () =>
  withServer({}, async ({ server, send: ask }) => {
    takeRequests(internalsOf(server), '/here', (request, response, next) => {
      if (request.method === 'POST') response.end(here);
      else next();
    });
    const elsewhere = await ask({ target: '/elsewhere' });
    equal((await ask({ target: '/here' })).body, elsewhere.body);
    is((await ask({ target: '/here', method: 'POST' })).body, here);
  }));

test('does not answer a request that names another Host, by header or target', () =>
  withServer({}, async ({ server, send: ask, port }) => {
    takeRequests(internalsOf(server), '/here', (_request, response) => response.end(here));
    const strange = [
      { target: '/here', headers: { Host: 'evil.example' } },
      { target: '/here', headers: { Host: '127.0.0.1' } },
      { target: `http://evil.example/here` },
    ];
    for (const request of strange) is((await ask(request)).status, 421);
    is((await ask({ target: '/here', headers: { Host: null }, version: '1.0' })).status, 400);
    is((await ask({ target: `http://127.0.0.1:${port}/here` })).body, here);
  }));

test('answers on a borrowed server, whose other requests stay its own', () =>
  withProgram(
    (http) => {
      http.on('request', (_request, response) => response.end(other));
      return { server: http };
    },
    async (port, _http, options) => {
      await using server = createOAuthCallbackServer(options);
      await server.listen();
      takeRequests(internalsOf(server), '/here', (_request, response) => response.end(here));
      equal(
        [(await send(port, { target: '/here' })).body, (await send(port, { target: '/there' })).body],
        [here, other],
      );
    },
  ));

test('answers through the handler that is mounted', () =>
  withProgram(
    () => ({ server: 'mounted' }),
    async (port, http, options) => {
      await using server = createOAuthCallbackServer({ ...options, publicUrl: `http://127.0.0.1:${port}` });
      await server.listen();
      http.on('request', (request, response) =>
        server.handler(request, response, () => void response.end(other)),
      );
      takeRequests(internalsOf(server), '/here', (_request, response) => response.end(here));
      equal(
        [(await send(port, { target: '/here' })).body, (await send(port, { target: '/there' })).body],
        [here, other],
      );
    },
  ));

test('rejects a path that is taken, such as that of the redirect URI', () => {
  const internals = internalsOf(createOAuthCallbackServer());
  takeRequests(internals, '/here', () => undefined);
  for (const path of ['/here', '/callback'])
    throws(() => takeRequests(internals, path, () => undefined), 'invalid_option');
});

test.run();
