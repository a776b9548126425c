import { randomToken } from '../../base/random.ts';
import { delayed, errorAnswer, type Answer } from './answer.ts';
import { mayRedirectTo, mayUse, type Clients, type KnownClient } from './clients.ts';
import { deliver, entriesOf } from './delivery.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { Grants } from './grants.ts';
import type { ReadFakeProviderOptions } from './options.ts';
import { consentPage, textPage } from './pages.ts';

type Parameters = FakeProviderRequest['parameters'];

/** Parts of a fake provider that its authorization endpoint uses. */
export interface AuthorizationOptions {
  readonly issuer: string;
  readonly options: ReadFakeProviderOptions;
  readonly clients: Clients;
  readonly grants: Grants;
  /** Takes the next scripted answer. */
  readonly nextAnswer: () => Answer;
}

interface Pushed {
  readonly parameters: Parameters;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Authorization request whose client and redirect URI are valid. */
interface SignInRequest {
  readonly client: KnownClient;
  readonly redirectUri: string;
  readonly parameters: Parameters;
}

const requestUriPrefix = 'urn:ietf:params:oauth:request_uri:';
const pushedTtl = 60;

/** Authorization endpoint, with the endpoint for pushed requests and the consent page. */
export class Authorization {
  readonly #parts: AuthorizationOptions;
  readonly #pushed = new Map<string, Pushed>();
  readonly #asked = new Map<string, SignInRequest>();

  constructor(parts: AuthorizationOptions) {
    this.#parts = parts;
  }

  /** Takes a pushed authorization request. @see RFC 9126 section 2 */
  push(request: FakeProviderRequest): Reply {
    const { clientId } = this.#parts.clients.authenticate(request);
    const parameters = { ...request.parameters, client_id: clientId };
    if (request.parameters['request_uri'] !== undefined)
      throw new ProviderError('invalid_request', 'request_uri must not be pushed');
    if (!this.#read(parameters))
      throw new ProviderError('invalid_request', 'redirect_uri is not one of the client');
    const problem = problemOf(parameters);
    if (problem) throw problem;
    const requestUri = requestUriPrefix + randomToken();
    this.#pushed.set(requestUri, { parameters, expiresAt: Date.now() + pushedTtl * 1_000 });
    return json(201, { request_uri: requestUri, expires_in: pushedTtl });
  }

  async authorize({ parameters: given }: FakeProviderRequest): Promise<Reply> {
    const requestUri = given['request_uri'];
    const { parameters: pushed, expiresAt = 0 } = this.#pushed.get(requestUri ?? '') ?? {};
    this.#pushed.delete(requestUri ?? '');
    if (requestUri !== undefined && pushed?.['client_id'] !== given['client_id'])
      return refused('The request_uri is unknown, or was used before.');
    if (pushed && Date.now() >= expiresAt) return refused('The request_uri has expired.');
    const signIn = this.#read(pushed ?? given);
    if (!signIn) return refused('The client is unknown, or the redirect URI is not one of the client.');
    const { options } = this.#parts;
    const unpushed = options.pushedRequests === 'required' && !pushed;
    const problem = unpushed
      ? new ProviderError('invalid_request', 'the request must be pushed')
      : (problemOf(signIn.parameters) ?? silentProblemOf(signIn.parameters, options));
    if (problem) return this.#respond(signIn, errorAnswer(problem.error, problem.description));
    return options.consent === 'ask' ? this.#ask(signIn) : this.#respond(signIn, this.#parts.nextAnswer());
  }

  /** Takes the decision of the user on the consent page. */
  async decide({ parameters }: FakeProviderRequest): Promise<Reply> {
    const id = parameters['request'] ?? '';
    const signIn = this.#asked.get(id);
    this.#asked.delete(id);
    if (!signIn) return refused('The sign-in is unknown, or has ended.');
    const answer = this.#parts.nextAnswer();
    const denied = parameters['decision'] !== 'allow' && { error: 'access_denied' };
    return this.#respond(signIn, { ...answer, ...denied });
  }

  #ask(signIn: SignInRequest): Reply {
    const id = randomToken(16);
    this.#asked.set(id, signIn);
    return consentPage(signIn.client.clientId, '/consent', { request: id });
  }

  #read(parameters: Parameters): SignInRequest | undefined {
    const client = this.#parts.clients.find(parameters['client_id']);
    const redirectUri = parameters['redirect_uri'] ?? '';
    if (!client || !mayRedirectTo(client, redirectUri)) return undefined;
    return { client, redirectUri, parameters };
  }

  async #respond(signIn: SignInRequest, answer: Answer): Promise<Reply> {
    await delayed(answer);
    const { redirectUri, parameters } = signIn;
    const { error, redirects, responseMode } = answer;
    const response = error === undefined ? { code: this.#newCode(signIn, answer) } : { error };
    const asked = parameters['response_mode'] === 'form_post' ? 'form_post' : 'query';
    return deliver({
      redirectUri,
      mode: responseMode ?? asked,
      entries: entriesOf({ ...response, state: parameters['state'], iss: this.#parts.issuer }, answer),
      redirects,
    });
  }

  #newCode({ client, redirectUri, parameters }: SignInRequest, { tokenErrors }: Answer): string {
    const { grants, options } = this.#parts;
    const { clientId } = client;
    const { subject } = options;
    const { scope = '', nonce, code_challenge: codeChallenge = '' } = parameters;
    const refreshes = mayUse(client, 'refresh_token');
    const grant = { clientId, scope, nonce, subject, refreshes, tokenErrors: [...tokenErrors] };
    return grants.newCode(grant, { redirectUri, codeChallenge });
  }
}

/** Finds what is wrong with a request whose redirect URI is valid. */
function problemOf(parameters: Parameters): ProviderError | undefined {
  if (parameters['response_type'] !== 'code')
    return new ProviderError('unsupported_response_type', 'response_type must be code');
  if (parameters['code_challenge_method'] !== 'S256')
    return new ProviderError('invalid_request', 'code_challenge_method must be S256');
  if (!/^[\w-]{43}$/.test(parameters['code_challenge'] ?? ''))
    return new ProviderError('invalid_request', 'code_challenge must have 43 characters');
  if (!['query', 'form_post', undefined].includes(parameters['response_mode']))
    return new ProviderError('invalid_request', 'response_mode must be query or form_post');
  if (parameters['request'] !== undefined)
    return new ProviderError('request_not_supported', 'request objects are not supported');
  return undefined;
}

/** Finds out if a request may show no page although the user has to be asked. @see OpenID Connect Core section 3.1.2.6 */
function silentProblemOf(
  { prompt }: Parameters,
  { consent }: Pick<ReadFakeProviderOptions, 'consent'>,
): ProviderError | undefined {
  if (prompt !== 'none' || consent === 'skip') return undefined;
  return new ProviderError('consent_required', 'the user has to be asked');
}

/** Makes the page of a request that leads nowhere. */
export function refused(message: string): Reply {
  return textPage(400, 'This sign-in cannot begin', message);
}
