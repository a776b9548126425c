/** Forms that a body parser of a framework has read: they get the answer of a server that reads them itself. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import { text } from 'node:stream/consumers';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import express from 'express';
import fastify from 'fastify';
import { Hono, type HonoRequest } from 'hono';
import { createOAuthCallbackServer, type Flow, type OAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { complains } from '../helpers/complains.ts';
import { observe, withServer, type Create } from '../helpers/endpoint.ts';
import { navigation, send, type HttpRequest } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../helpers/weakened.ts';

type Mounted = OAuthCallbackServer['handler'];
type Listening = { port: number } & AsyncDisposable;
type Start = (handler: Mounted) => Promise<Listening>;

const inExpress =
  (...parsers: express.RequestHandler[]): Start =>
  (handler) =>
    listenOnLoopback(
      createServer(
        express()
          .use(...parsers)
          .use(handler),
      ),
    );

const inNode =
  (parsed: (body: string) => unknown): Start =>
  (handler) =>
    listenOnLoopback(
      createServer((request: IncomingMessage, response: ServerResponse) => {
        void text(request).then((body) => handler(Object.assign(request, { body: parsed(body) }), response));
      }),
    );

const inFastify =
  (parseAs: 'string' | 'buffer', parsed: (body: string) => unknown): Start =>
  async (handler) => {
    const app = fastify();
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs }, (_request, body, done) =>
      done(null, parsed(body.toString())),
    );
    app.addHook('preHandler', ({ raw, body }, reply, done) =>
      handler(Object.assign(raw, { body }), reply.raw, done),
    );
    app.post('/callback', () => 'not ours');
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    return {
      port: Number(new URL(address).port),
      async [Symbol.asyncDispose]() {
        app.server.closeAllConnections();
        await app.close();
      },
    };
  };

const inHono =
  (parsed: (request: HonoRequest) => Promise<unknown>): Start =>
  (handler) => {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use(async ({ env: { incoming, outgoing }, req }) => {
      handler(Object.assign(incoming, { body: await parsed(req) }), outgoing);
      return RESPONSE_ALREADY_SENT;
    });
    return listenOnLoopback(createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>);
  };

const parsers: Readonly<Record<string, Start>> = {
  'express.urlencoded({ extended: true })': inExpress(express.urlencoded({ extended: true })),
  'express.urlencoded({ extended: false })': inExpress(express.urlencoded({ extended: false })),
  'express.text()': inExpress(express.text({ type: '*/*' })),
  'express.raw()': inExpress(express.raw({ type: '*/*' })),
  'several of Express': inExpress(express.json(), express.text(), express.urlencoded({ extended: true })),
  'node:querystring': inNode((body) => parse(body)),
  URLSearchParams: inNode((body) => new URLSearchParams(body)),
  'a Uint8Array': inNode((body) => new TextEncoder().encode(body)),
  'a string of Fastify': inFastify('string', (body) => body),
  'node:querystring in Fastify': inFastify('buffer', (body) => parse(body)),
  'text() of Hono': inHono((request) => request.text()),
  'arrayBuffer() of Hono': inHono((request) => request.arrayBuffer()),
  'formData() of Hono': inHono((request) => request.formData()),
  'parseBody({ all: true }) of Hono': inHono((request) => request.parseBody({ all: true })),
};

/** Forms, with the state in the place of `S`. */
const forms: Readonly<Record<string, string>> = {
  plain: 'code=a&state=S',
  'with escapes': 'code=a%2Bb+c%26%3D%2541&state=S&x=%25FF',
  'a denial': 'error=access_denied&error_description=No+way&state=S',
  'a denial in another script': `error=access_denied&error_description=${encodeURIComponent('отказ 拒否')}&state=S`,
  'a denial with a bare %': 'error=access_denied&error_description=100%25+sure&state=S',
  'a description twice': 'error=access_denied&error_description=a&error_description=b&state=S',
  'foreign parameters': 'code=a&state=S&x=1&x=2&y[]=3&z[a]=4&__proto__=5&constructor=6',
  'a foreign parameter not in UTF-8': 'code=a&state=S&x=%FF',
  'code twice': 'code=a&code=b&state=S',
  'code twice, the same': 'code=a&code=a&state=S',
  'code twice, one of them empty': 'code=a&code=&state=S',
  'state twice': 'code=a&state=S&state=S',
  'code[]': 'code[]=a&state=S',
  'code[] in escapes': 'code%5B%5D=a&state=S',
  'code[] and state[]': 'code[]=a&state[]=S',
  'code[0]': 'code[0]=a&state=S',
  'code[x]': 'code[x]=a&state=S',
  'state[]': 'code=a&state[]=S',
  'code not in UTF-8': 'code=%FF&state=S',
  'code with a broken escape': 'code=%zz&state=S',
  'code with a bare %': 'code=a%&state=S',
  'code cut off in a character': 'code=%C3&state=S',
  'code with the sign of a replacement': 'code=%EF%BF%BD&state=S',
  'code with a control character': 'code=a%00&state=S',
  'state not in UTF-8': 'code=a&state=S%FF',
  'a parameter in the value of another': 'code=a&x=%25FF%26state%3DS',
  'a token': 'code=a&state=S&access_token=x',
  'no code': 'state=S',
  'no state': 'code=a',
  nothing: '',
};

/** Forms of which an object does not tell if a `%` was escaped, or which of two names there were. They are rejected. */
const doubtful: Readonly<Record<string, string>> = {
  'a percent sign': 'code=%25&state=S',
  'a percent sign and no digits': 'code=100%25+sure&state=S',
  'the escape of a byte': 'code=%25FF&state=S',
  'code[] beside code': 'code=a&code[]=b&state=S',
};

const request = (body: string): HttpRequest => ({
  method: 'POST',
  target: '/callback',
  headers: {
    ...navigation,
    Host: 'app.example',
    'Content-Type': 'application/x-www-form-urlencoded',
    Origin: 'https://as.example',
  },
  body,
});

/** Status of the answer, and the response that the flow gets. */
async function outcomeOf(server: OAuthCallbackServer, port: number, form: string): Promise<unknown[]> {
  const flow: Flow = await server.begin({ responseMode: 'form_post' });
  const seen = observe(flow);
  const { status } = await send(port, request(form.replaceAll('S', flow.state)));
  const [delivered] = seen.responses;
  const { state, ...fields } = delivered?.toDict() ?? {};
  assert.is(state, delivered && flow.state);
  flow.cancel();
  return [status, delivered ? fields : 'nothing'];
}

/** Answers of a server that reads the forms itself. */
const expected = await withServer(
  { publicUrl: 'https://app.example', binding: 'none' },
  async ({ server, port }) => {
    const all: Record<string, unknown[]> = {};
    for (const [what, form] of Object.entries(forms)) all[what] = await outcomeOf(server, port, form);
    return all;
  },
);

/** Runs `body` with a server that is mounted behind a parser. */
async function withParser(
  start: Start,
  body: (server: OAuthCallbackServer, port: number) => Promise<void>,
  create: Create = createOAuthCallbackServer,
): Promise<void> {
  const server = create({ server: 'mounted', publicUrl: 'https://app.example', binding: 'none' });
  await using app = await start(server.handler);
  try {
    await server.listen();
    await body(server, app.port);
  } finally {
    await server.close();
  }
}

const agrees = (start: Start, create?: Create): Promise<void> =>
  withParser(
    start,
    async (server, port) => {
      for (const [what, form] of Object.entries(forms))
        assert.equal(await outcomeOf(server, port, form), expected[what], `${what}: ${form}`);
    },
    create,
  );

const test = suite('body parsers');

test('a server that reads forms itself accepts those that are right', () => {
  const accepted = Object.entries(expected).filter(([, [, fields]]) => fields !== 'nothing');
  assert.equal(
    accepted.map(([what]) => what),
    [
      'plain',
      'with escapes',
      'a denial',
      'a denial in another script',
      'a denial with a bare %',
      'a description twice',
      'foreign parameters',
      'a foreign parameter not in UTF-8',
    ],
  );
  assert.equal(expected['with escapes'], [200, { code: 'a+b c&=%41' }]);
});

for (const [name, start] of Object.entries(parsers))
  test(`${name} changes the answer to no form`, () => agrees(start));

for (const [name, start] of Object.entries(parsers)) {
  const tells = /text\(|raw\(|arrayBuffer|Uint8Array|a string/.test(name);
  test(`${name} ${tells ? 'tells' : 'may not tell'} what was sent, and no other form is accepted`, () =>
    withParser(start, async (server, port) => {
      for (const [what, form] of Object.entries(doubtful)) {
        const [status, fields] = await outcomeOf(server, port, form);
        const code = new URLSearchParams(form).get('code');
        const rejected = !tells && status === 400;
        assert.equal([status, fields], rejected ? [400, 'nothing'] : [200, { code }], what);
      }
    }));
}

const weaknesses: readonly (readonly [what: string, change: Edit, parser: string, complaint: RegExp])[] = [
  [
    'takes a list of one for a value',
    edit(
      'return value.length > 1 ? value.map((each) => [name, each]) : [];',
      'return value.map((each) => [name, each]);',
    ),
    'express.urlencoded({ extended: true })',
    /code\[\]: code\[\]=a/,
  ],
  [
    'takes a value for decoded that its parser has left as it was',
    edit('isDecoded(value) ? pair : ', 'true ? pair : '),
    'express.urlencoded({ extended: true })',
    /code not in UTF-8/,
  ],
  [
    'writes a value that is not decoded as it is',
    edit("pair.replaceAll('%25', '%')", 'name + "=" + value'),
    'express.urlencoded({ extended: false })',
    /a parameter in the value of another/,
  ],
  [
    'knows no list of pairs',
    edit('body instanceof URLSearchParams || body instanceof FormData', 'false'),
    'formData() of Hono',
    /plain/,
  ],
];

for (const [what, change, parser, complaint] of weaknesses)
  test(`rejects a server that ${what}`, async () => {
    const twin = (await weakenedModule('index.ts', change)) as typeof import('../../src/index.ts');
    await complains(() => agrees(parsers[parser]!, twin.createOAuthCallbackServer), complaint);
  });

test.run();
