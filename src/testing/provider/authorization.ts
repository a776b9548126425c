import { randomToken } from '../../base/random.ts';
import { delayed, errorAnswer, type Answer } from './answer.ts';
import { mayRedirectTo, type Clients } from './clients.ts';
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

/** Authorization request whose client and redirect URI are valid. */
interface SignInRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly parameters: Parameters;
}

const requestUriPrefix = 'urn:ietf:params:oauth:request_uri:';
const pushedTtl = 60;

/** Authorization endpoint, with the endpoint for pushed requests and the consent page. */
export class Authorization {
  readonly #parts: AuthorizationOptions;
  readonly #pushed = new Map<string, Parameters>();
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
    this.#pushed.set(requestUri, parameters);
    return json(201, { request_uri: requestUri, expires_in: pushedTtl });
  }

  async authorize({ parameters: given }: FakeProviderRequest): Promise<Reply> {
    const requestUri = given['request_uri'];
    const pushed = this.#pushed.get(requestUri ?? '');
    this.#pushed.delete(requestUri ?? '');
    if (requestUri !== undefined && pushed?.['client_id'] !== given['client_id'])
      return refused('The request_uri is unknown, or was used before.');
    const signIn = this.#read(pushed ?? given);
    if (!signIn) return refused('The client is unknown, or the redirect URI is not one of the client.');
    const { options } = this.#parts;
    const unpushed = options.pushedRequests === 'required' && !pushed;
    const problem = unpushed
      ? new ProviderError('invalid_request', 'the request must be pushed')
      : problemOf(signIn.parameters);
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
    return consentPage(signIn.clientId, '/consent', { request: id });
  }

  #read(parameters: Parameters): SignInRequest | undefined {
    const client = this.#parts.clients.find(parameters['client_id']);
    const redirectUri = parameters['redirect_uri'] ?? '';
    if (!client || !mayRedirectTo(client, redirectUri)) return undefined;
    return { clientId: client.clientId, redirectUri, parameters };
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

  #newCode({ clientId, redirectUri, parameters }: SignInRequest, { tokenErrors }: Answer): string {
    const { grants, options } = this.#parts;
    const { scope = '', nonce, code_challenge: codeChallenge = '' } = parameters;
    const grant = { clientId, scope, nonce, subject: options.subject, tokenErrors: [...tokenErrors] };
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
  return undefined;
}

function refused(message: string): Reply {
  return textPage(400, 'This sign-in cannot begin', message);
}
