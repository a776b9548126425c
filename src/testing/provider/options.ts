import { InvalidOptionError } from '../../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../../base/options.ts';
import { requireInteger, requireList, requireOneOf, requireText } from '../../base/validate.ts';
import { readAnswer, type Answer, type FakeAnswer } from './answer.ts';

/** Client that a fake provider knows from the start. */
export interface FakeClient {
  /** Client id. */
  clientId: string;
  /**
   * Secret that the token endpoint asks for, by Basic authentication or in the form.
   * @default none: the client is public
   */
  clientSecret?: string;
  /**
   * Redirect URIs of the client. The port of a loopback URI may differ.
   * @default every http and https URI
   * @see RFC 8252 section 7.3
   */
  redirectUris?: readonly string[];
}

/** Options of `startFakeProvider`, each optional. */
export interface FakeProviderOptions {
  /**
   * Clients that are known from the start. Others may register.
   * @default one public client, `fake-client`
   */
  clients?: readonly FakeClient[];
  /**
   * Answer to sign-ins that `answerNext` has none for.
   * @default the user is signed in
   */
  answer?: FakeAnswer;
  /**
   * Page that the user meets: `'ask'` shows the buttons Allow and Deny, `'skip'` redirects at once.
   * @default 'skip'
   */
  consent?: 'ask' | 'skip';
  /**
   * Treatment of authorization requests that were not pushed: `'required'` rejects them.
   * @default 'optional'
   * @see RFC 9126
   */
  pushedRequests?: 'optional' | 'required';
  /**
   * User who signs in: `sub` of the ID token.
   * @default 'ada'
   */
  subject?: string;
  /**
   * Seconds until an access token expires, 1 to 86,400.
   * @default 3600
   */
  accessTokenTtl?: number;
  /**
   * Seconds between two token requests of a device, 1 to 60.
   * @default 1
   * @see RFC 8628 section 3.2
   */
  deviceInterval?: number;
  /**
   * Members of the metadata beside the usual ones, or in place of them; `undefined` leaves one out.
   * @default {}
   */
  metadata?: Readonly<Record<string, unknown>>;
}

/** Options of a fake provider with their defaults. */
export type ReadFakeProviderOptions = Required<FakeProviderOptions> & { readonly answer: Answer };

const table: OptionTable<FakeProviderOptions> = {
  clients: true,
  answer: true,
  consent: true,
  pushedRequests: true,
  subject: true,
  accessTokenTtl: true,
  deviceInterval: true,
  metadata: true,
};

const clientTable: OptionTable<FakeClient> = { clientId: true, clientSecret: true, redirectUris: true };

const defaults: Required<FakeProviderOptions> = {
  clients: [{ clientId: 'fake-client' }],
  answer: {},
  consent: 'skip',
  pushedRequests: 'optional',
  subject: 'ada',
  accessTokenTtl: 3_600,
  deviceInterval: 1,
  metadata: {},
};

/** Reads the options of `startFakeProvider`. @throws InvalidOptionError if one is unknown or invalid. */
export function readFakeProviderOptions(given: FakeProviderOptions): ReadFakeProviderOptions {
  const options = readOptions(given, table, { of: 'startFakeProvider' }, defaults);
  const { clients, consent, pushedRequests, subject, accessTokenTtl, deviceInterval } = options;
  requireList('clients', clients, ' of clients');
  if (clients.length === 0) throw new InvalidOptionError('clients', 'must name at least one client');
  requireOneOf('consent', consent, ['ask', 'skip']);
  requireOneOf('pushedRequests', pushedRequests, ['optional', 'required']);
  requireText('subject', subject);
  requireInteger('accessTokenTtl', accessTokenTtl, 1, 86_400);
  requireInteger('deviceInterval', deviceInterval, 1, 60);
  return { ...options, clients: clients.map(readClient), answer: readAnswer(options.answer) };
}

function readClient(given: FakeClient): FakeClient {
  const client = readOptions(given, clientTable, { of: 'a client of the fake provider' }, {});
  requireText('clientId', client.clientId);
  return client;
}
