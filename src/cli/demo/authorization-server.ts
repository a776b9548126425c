import { generateKeyPair, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Interaction, InteractionResult, Provider } from 'oidc-provider';
import { consentPage, loginPage, problemPage } from './interaction-pages.ts';
import { withoutAdvice } from './without-advice.ts';

/** Native, public client: it has no secret and may use any port of the loopback address. */
export interface RegisteredClient {
  readonly id: string;
  readonly name: string;
}

export interface AuthorizationServer extends AsyncDisposable {
  readonly issuer: string;
  readonly clients: { readonly notes: RegisteredClient; readonly photos: RegisteredClient };
  close(): Promise<void>;
}

/** Password of every user; any name is accepted. */
export const password = 'open sesame';

const clients = {
  notes: { id: 'notes-desktop', name: 'Notes' },
  photos: { id: 'photo-backup-cli', name: 'Photo Backup' },
};

/**
 * Starts a real OpenID Connect server on a free port of 127.0.0.1, with login and consent pages of its own.
 *
 * @param callbackPath The path of the clients' redirect URI; its port may be any (RFC 8252 section 7.3).
 */
export async function startAuthorizationServer({
  callbackPath = '/callback',
} = {}): Promise<AuthorizationServer> {
  // Bound first, because the issuer is a URL with the port.
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const provider = await createProvider(issuer, `http://127.0.0.1${callbackPath}`);
  const protocol = provider.callback();
  http.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/')) void interact(provider, request, response);
    else protocol(request, response);
  });

  const close = async (): Promise<void> => {
    if (!http.listening) return;
    const closed = once(http, 'close');
    http.close();
    http.closeAllConnections();
    await closed;
  };
  return { issuer, clients, close, [Symbol.asyncDispose]: close };
}

async function createProvider(issuer: string, redirectUri: string): Promise<Provider> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const configuration = {
    clients: Object.values(clients).map(({ id, name }) => ({
      client_id: id,
      client_name: name,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [redirectUri],
    })),
    pkce: { required: () => true },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: { devInteractions: { enabled: false } },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'demo', use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      Session: 600,
    },
    renderError: (context: { type: string; body: string }, { error }: { error: string }) => {
      context.type = 'html';
      context.body = problemPage(`The authorization server refused the request: ${error}`);
    },
  };
  const provider = await withoutAdvice(async () => {
    // With DEBUG=* in the environment it would print responses, including the state.
    delete process.env['DEBUG'];
    const { Provider } = await import('oidc-provider');
    return new Provider(issuer, configuration);
  });
  return provider.on('server_error', (_context, error) => console.error(error));
}

async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const interaction = await provider.interactionDetails(request, response);
    if (request.method === 'POST') await answer(provider, interaction, request, response);
    else show(response, 200, pageFor(interaction));
  } catch (error) {
    // The user came from an old tab or a bookmark; any other error is a defect.
    const outdated = error instanceof Error && error.name === 'SessionNotFound';
    if (!outdated) console.error(error);
    const message = outdated ? 'This sign-in is over. Start again from the app.' : 'Something went wrong.';
    show(response, outdated ? 400 : 500, problemPage(message));
  }
}

async function answer(
  provider: Provider,
  interaction: Interaction,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const result = await resultOf(provider, interaction, new URLSearchParams(await text(request)));
  if (result) {
    const options = { mergeWithLastSubmission: 'consent' in result };
    await provider.interactionFinished(request, response, result, options);
  } else {
    show(response, 200, pageFor(interaction, 'That is not the password.'));
  }
}

/** Turns the submitted form into a result; undefined if the password is wrong. */
async function resultOf(
  provider: Provider,
  { prompt, params, session }: Interaction,
  form: URLSearchParams,
): Promise<InteractionResult | undefined> {
  if (form.get('decision') !== 'continue') {
    return { error: 'access_denied', error_description: 'The user declined' };
  }
  if (prompt.name === 'login') {
    const accountId = form.get('login');
    return accountId && form.get('password') === password ? { login: { accountId } } : undefined;
  }
  if (!session) throw new Error('no user has signed in yet');
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  return { consent: { grantId: await grant.save() } };
}

function pageFor({ prompt, params, session }: Interaction, complaint?: string): string {
  const client = Object.values(clients).find(({ id }) => id === params.client_id)?.name ?? params.client_id;
  if (prompt.name === 'login') return loginPage({ client, password, complaint });
  if (prompt.name === 'consent') return consentPage({ client, user: session?.accountId ?? 'nobody' });
  throw new Error(`there is no page for the prompt ${prompt.name}`);
}

function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    // No form-action: browsers apply it to the redirect that follows a form, which leads to another origin.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(html);
}
