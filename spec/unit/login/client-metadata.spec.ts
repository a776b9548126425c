import type { Observable } from 'rxjs';
import type { ClientMetadataOptions, SignInEvent, SignInOptions } from '../../../src/login.ts';
import { clientMetadata, signIn } from '../../../src/login.ts';
import { announcing } from '../../helpers/announced.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { startProvider, subject, type SignInProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('client metadata documents');

type SignIn = (options: SignInOptions) => Observable<SignInEvent>;

const url = 'https://client.example/notes.json';
const fetched: string[] = [];

/** A provider that knows no client, and fetches this document. */
function documentProvider(options: Omit<ClientMetadataOptions, 'url'>): Promise<SignInProvider> {
  return startProvider({
    configuration: {
      clients: [],
      features: {
        devInteractions: { enabled: false },
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      },
      fetch: (asked: string | URL) => {
        fetched.push(String(asked));
        return Promise.resolve(Response.json(clientMetadata({ url, ...options })));
      },
    },
  });
}

async function signsIn(as: SignInProvider, options: Partial<SignInOptions> = {}): Promise<void> {
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientMetadataUrl: url, scope: 'openid', ...options }),
  );
  await watched.visit();
  const { client_id, claims } = await watched.tokens();
  assert.equal([client_id, claims?.sub], [url, subject]);
  assert.not.ok(watched.types.includes('registered'));
}

test('signs in as the client of the document, on any port and on the one in use', async () => {
  await using any = await documentProvider({ clientName: 'Notes' });
  await signsIn(any);
  assert.equal(fetched, [url]);
  await withServer({ settle: 60_000 }, async ({ server }) => {
    await using one = await documentProvider({ redirectUris: [server.redirectUri] });
    await signsIn(one, { host: server });
  });
});

test('says what a document has', () => {
  assert.equal(
    clientMetadata({ url, clientName: 'Notes', ports: [53682, 53683], scope: ['openid', 'notes'] }),
    {
      client_id: url,
      client_name: 'Notes',
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1:53682/callback', 'http://127.0.0.1:53683/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'openid notes',
    },
  );
  const more = clientMetadata({ url, callbackPath: '/cb', device: true, dpop: true });
  assert.equal(
    [more.redirect_uris, more.grant_types.length, more.dpop_bound_access_tokens],
    [['http://127.0.0.1/cb'], 3, true],
  );
  const web = clientMetadata({ url, redirectUris: ['https://sign-in.example/callback'] });
  assert.is(web.application_type, 'web');
});

/** Registers where documents are not supported. */
async function registersOtherwise(sign: SignIn): Promise<void> {
  await using as = await startProvider({ registration: true });
  using watched = new Watched(sign({ issuer: as.issuer, clientMetadataUrl: url, scope: 'openid' }));
  await watched.next('authorize');
  assert.equal(watched.types.slice(0, 3), ['discovered', 'registered', 'authorize']);
  await watched.visit();
  assert.is((await watched.tokens()).claims?.sub, subject);
  assert.is((await watched.next('registered')).clientId, (await watched.tokens()).client_id);
}

test('registers a client if the server supports no documents', () => registersOtherwise(signIn));

test('the control: a sign-in that gives the URL to any server is refused', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit('(hasDocument ? clientMetadataUrl : undefined)', 'clientMetadataUrl'),
  )) as { signIn: SignIn };
  await complains(() => registersOtherwise(twin.signIn), /registered/);
});

test('names the field before a browser opens if the server supports neither', async () => {
  const changes = { client_id_metadata_document_supported: false };
  await using as = await startProvider({ intercept: announcing(changes) });
  using watched = new Watched(signIn({ issuer: as.issuer, clientMetadataUrl: url }));
  const error = await watched.failure();
  assert.is(error.code, 'registration_failed');
  assert.is(
    error.message,
    `the issuer ${as.issuer} has no client_id_metadata_document_supported in its metadata, and does not register clients; ` +
      'a client id is required',
  );
  assert.not.ok(watched.types.includes('authorize'));
});

const noUrls = [
  'http://client.example/a.json',
  'https://client.example',
  'https://client.example/',
  'https://client.example/a/../b.json',
  'https://client.example/%2e/b.json',
  'https://u:CANARY@client.example/a.json',
  'https://client.example/a.json#x',
  'notes',
];

for (const each of noUrls)
  test(`takes no client from ${each.replace('CANARY', '…')}`, () => {
    for (const [option, call] of [
      ['url', () => clientMetadata({ url: each })],
      ['clientMetadataUrl', () => signIn({ issuer: 'https://as.example', clientMetadataUrl: each })],
    ] as const) {
      const error = assert.throws(call, 'invalid_option');
      assert.match(error.message, `${option} must be an https URL with a path`);
      assert.not.match(error.message, 'CANARY');
    }
  });

for (const [options, saying] of [
  [{ ports: [0] }, 'ports[0] must be a whole number from 1 to 65535'],
  [{ ports: [] }, 'ports must have a port'],
  [{ redirectUris: [] }, 'redirectUris must have a URL'],
  [{ redirectUris: ['http://a.example/cb'] }, 'redirectUris[0] must be https, or http on loopback'],
  [{ redirectUris: ['https://a.example/cb'], ports: [1] }, 'leave ports and callbackPath out'],
  [{ callbackPath: 'cb' }, 'callbackPath must begin with /'],
  [{ name: 'x' }, 'name is not an option of clientMetadata'],
] as const)
  test(`says that ${saying}`, () => {
    const error = assert.throws(() => clientMetadata({ url, ...options }), 'invalid_option');
    assert.match(error.message, saying);
  });

test('takes a client id or a document, not both', () => {
  const options = { issuer: 'https://as.example', clientId: 'c', clientMetadataUrl: url };
  assert.match(assert.throws(() => signIn(options), 'invalid_option').message, 'leave the clientId out');
});

test.run();
