import { DiscoveryError } from '../../../src/login.ts';
import { ResourceMismatchError } from '../../../src/mcp.ts';
import { issuerFor, resourceMetadataOf, type ResourceMetadata } from '../../../src/mcp/resource-metadata.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('resource metadata');

const server = 'https://mcp.example/one/mcp';
const place = 'https://mcp.example/.well-known/oauth-protected-resource';
const fields = {
  resource: server,
  authorization_servers: ['https://as.example'],
  scopes_supported: ['a', 'b'],
};

type Answers = Readonly<Record<string, () => Response>>;

const json = (body: unknown) => (): Response => Response.json(body);
const redirectTo = (location: string) => (): Response =>
  new Response(null, { status: 302, headers: { location } });

/** Asks for the metadata; `asked` has the URLs that were requested, in order. */
async function read(
  answers: Answers,
  named?: string,
): Promise<{ asked: string[]; found: ResourceMetadata | undefined }> {
  const asked: string[] = [];
  const fetch = (url: string): Promise<Response> => {
    asked.push(url);
    return Promise.resolve(answers[url]?.() ?? new Response('', { status: 404 }));
  };
  const found = await resourceMetadataOf(server, named, fetch, new AbortController().signal);
  return { asked, found };
}

test('is looked for at the path of the server, then at its origin', async () => {
  const { asked, found } = await read({ [place]: json(fields) });
  assert.equal(asked, [`${place}/one/mcp`, place]);
  assert.equal(found, { resource: server, issuers: ['https://as.example'], scopes: 'a b' });
});

test('is looked for at the URL of the challenge only', async () => {
  const named = 'https://meta.example/of/mcp';
  assert.equal((await read({ [named]: json(fields), [place]: json({}) }, named)).asked, [named]);
  assert.equal(await read({ [place]: json(fields) }, named), { asked: [named], found: undefined });
});

const nothing: Answers = {
  'a page for every path': () =>
    new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }),
  'a list': json('no object'),
  null: json(null),
  'another 2xx': () => new Response(null, { status: 204 }),
  'a refusal': () => new Response('', { status: 401 }),
};

for (const [what, answer] of Object.entries(nothing))
  test(`${what} is no metadata`, async () => {
    assert.is((await read({ [`${place}/one/mcp`]: answer, [place]: answer })).found, undefined);
  });

test('redirects are followed, three at most', async () => {
  const [a, b, c] = ['https://a.example/', 'https://b.example/', 'https://c.example/'];
  const found = await read(
    { [place]: redirectTo(a), [a]: redirectTo(b), [b]: redirectTo(c), [c]: json(fields) },
    place,
  );
  assert.equal(found.asked, [place, a, b, c]);
  assert.ok(found.found);
  const error = await assert.rejects(
    () => read({ [place]: redirectTo(a), [a]: redirectTo(place) }, place),
    DiscoveryError,
  );
  assert.match(error.message, 'more than 3 redirects');
});

for (const target of [
  'http://127.0.0.1:4000/',
  'https://localhost/',
  'http://other.example/',
  'file:///etc/passwd',
])
  test(`a remote server does not lead to ${target}, by its challenge or a redirect`, async () => {
    for (const [answers, named] of [
      [{ [target]: json(fields) }, target],
      [{ [place]: redirectTo(target), [target]: json(fields) }, place],
    ] as const) {
      const error = await assert.rejects(() => read(answers, named), DiscoveryError);
      assert.match(error.message, 'must be https, and must not lead to this machine');
    }
  });

test('a server in trouble is no server without metadata', async () => {
  for (const status of [500, 503, 429]) {
    const error = await assert.rejects(
      () => read({ [place]: () => new Response('', { status }) }, place),
      DiscoveryError,
    );
    assert.equal([error.flaw, error.status], ['unavailable', status]);
  }
});

const resources: readonly (readonly [resource: unknown, isOwn: boolean])[] = [
  [server, true],
  ['https://mcp.example', true],
  ['https://mcp.example/', true],
  ['https://mcp.example/one', true],
  ['https://mcp.example/one/', true],
  ['https://mcp.example/on', false],
  ['https://mcp.example/one/mcp2', false],
  ['https://mcp.example/one/mcp/deeper', false],
  ['https://mcp.example/two', false],
  ['https://mcp.example:8443/one/mcp', false],
  ['http://mcp.example/one/mcp', false],
  ['https://evil.example/one/mcp', false],
  ['https://mcp.example.evil.example/one/mcp', false],
  ['no URL', false],
  [['https://mcp.example/one/mcp'], false],
  [undefined, false],
];

for (const [resource, isOwn] of resources)
  test(`the resource ${JSON.stringify(resource)} ${isOwn ? 'is' : 'is not'} that of the server`, async () => {
    const reading = read({ [place]: json({ ...fields, resource }) }, place);
    if (isOwn) assert.is((await reading).found?.resource, resource);
    else await assert.rejects(() => reading, ResourceMismatchError);
  });

test('scopes that are no texts are left out', async () => {
  const { found } = await read({ [place]: json({ ...fields, scopes_supported: [1, '', 'a', null] }) }, place);
  assert.is(found?.scopes, 'a');
});

test('issuerFor prefers what it is told to, and must not lead to this machine', () => {
  const metadata = (...issuers: unknown[]): ResourceMetadata => ({
    resource: server,
    issuers,
    scopes: undefined,
  });
  const [one, two] = ['https://one.example', 'https://two.example'];
  assert.is(issuerFor(server, metadata(one, two), []), one);
  assert.is(issuerFor(server, metadata(one, two), ['https://three.example', two]), two);
  assert.is(issuerFor(server, metadata(), [two]), undefined);
  for (const bad of ['http://127.0.0.1:4000', 'http://as.example', 7])
    assert.match(
      assert.throws(() => issuerFor(server, metadata(bad), []), DiscoveryError).message,
      'must not lead to this machine',
    );
});

test.run();
