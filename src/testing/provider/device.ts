import { randomInt } from 'node:crypto';
import { randomToken } from '../../base/random.ts';
import { delayed, type Answer } from './answer.ts';
import { mayUse, type Clients, type KnownClient } from './clients.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { Grant, Grants, Issued } from './grants.ts';
import { deviceGrantType } from './metadata.ts';
import type { ReadFakeProviderOptions } from './options.ts';
import { codePage, consentPage, textPage } from './pages.ts';

/** Parts of a fake provider that its device grant uses. */
export interface DeviceOptions {
  readonly issuer: string;
  readonly options: ReadFakeProviderOptions;
  readonly clients: Clients;
  readonly grants: Grants;
  /** Takes the next scripted answer. */
  readonly nextAnswer: () => Answer;
}

interface DeviceSignIn {
  readonly client: KnownClient;
  readonly scope: string;
  readonly deviceCode: string;
  readonly userCode: string;
  readonly expiresAt: number;
  /** Milliseconds between two token requests. */
  interval: number;
  /** Time of the last token request, in milliseconds since the epoch. */
  askedAt: number;
  /** Decision of the user, once it is known. */
  end: { readonly grant: Grant } | { readonly error: string } | undefined;
}

const ttl = 600;
// A timer may end a little early, by another clock.
const earlyMs = 100;
// Consonants, which make no words. RFC 8628 section 6.1.
const letters = 'BCDFGHJKLMNPQRSTVWXZ';

/** Device grant: its endpoint, and the page for the other device. @see RFC 8628 */
export class Devices {
  readonly #parts: DeviceOptions;
  readonly #byDeviceCode = new Map<string, DeviceSignIn>();
  readonly #byUserCode = new Map<string, DeviceSignIn>();

  constructor(parts: DeviceOptions) {
    this.#parts = parts;
  }

  /** Begins a sign-in. @see RFC 8628 section 3.1 */
  begin(request: FakeProviderRequest): Reply {
    const { issuer, options, clients } = this.#parts;
    const client = clients.authenticate(request);
    if (!mayUse(client, deviceGrantType))
      throw new ProviderError('unauthorized_client', 'the client has not registered the device grant');
    const signIn: DeviceSignIn = {
      client,
      scope: request.parameters['scope'] ?? '',
      deviceCode: randomToken(),
      userCode: newUserCode(),
      expiresAt: Date.now() + ttl * 1_000,
      interval: options.deviceInterval * 1_000,
      askedAt: -Infinity,
      end: undefined,
    };
    this.#byDeviceCode.set(signIn.deviceCode, signIn);
    this.#byUserCode.set(comparable(signIn.userCode), signIn);
    return json(200, {
      device_code: signIn.deviceCode,
      user_code: signIn.userCode,
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=${signIn.userCode}`,
      expires_in: ttl,
      interval: options.deviceInterval,
    });
  }

  /** Shows the page for the other device, or takes the decision of the user there. */
  async verify({ method, parameters }: FakeProviderRequest): Promise<Reply> {
    const { user_code: userCode, decision } = parameters;
    if (userCode === undefined) return codePage('/device');
    const signIn = this.#byUserCode.get(comparable(userCode));
    if (!signIn || signIn.end) return textPage(400, 'Unknown code', 'The code is wrong, or was used before.');
    if (method !== 'POST' || decision === undefined)
      return consentPage(signIn.client.clientId, '/device', { user_code: signIn.userCode });
    this.#byUserCode.delete(comparable(userCode));
    const answer = this.#parts.nextAnswer();
    await delayed(answer);
    const { error, tokenErrors } = answer;
    const { client, scope } = signIn;
    const { clientId } = client;
    const { subject } = this.#parts.options;
    const refreshes = mayUse(client, 'refresh_token');
    const reason = decision === 'allow' ? error : 'access_denied';
    const grant = { clientId, scope, subject, nonce: undefined, refreshes, tokenErrors: [...tokenErrors] };
    signIn.end = reason === undefined ? { grant } : { error: reason };
    return reason === undefined
      ? textPage(200, 'Device connected', 'You may close this page.')
      : textPage(200, 'Device not connected', `The sign-in ended with ${reason}.`);
  }

  /**
   * Exchanges a device code.
   *
   * @throws ProviderError `authorization_pending` until the user has decided; `slow_down` if the device asks too often until then.
   * @see RFC 8628 section 3.5
   */
  redeem(clientId: string, deviceCode: string): Issued {
    const signIn = this.#byDeviceCode.get(deviceCode);
    if (signIn?.client.clientId !== clientId)
      throw new ProviderError('invalid_grant', 'the device code is unknown');
    if (Date.now() >= signIn.expiresAt)
      throw new ProviderError('expired_token', 'the device code has expired');
    const { end } = signIn;
    if (!end && asksTooOften(signIn))
      throw new ProviderError('slow_down', 'the interval is five seconds longer now');
    if (!end) throw new ProviderError('authorization_pending', 'the user has not decided yet');
    if ('error' in end) throw new ProviderError(end.error, 'the sign-in was not allowed');
    const issued = this.#parts.grants.redeemGrant(end.grant);
    this.#byDeviceCode.delete(signIn.deviceCode);
    return issued;
  }
}

/** Counts a token request, and lengthens the interval if the request comes too soon. */
function asksTooOften(signIn: DeviceSignIn): boolean {
  const now = Date.now();
  const isTooSoon = now - signIn.askedAt < signIn.interval - earlyMs;
  signIn.askedAt = now;
  if (isTooSoon) signIn.interval += 5_000;
  return isTooSoon;
}

function newUserCode(): string {
  const code = Array.from({ length: 8 }, () => letters.charAt(randomInt(letters.length))).join('');
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** Drops what a person may type differently. */
function comparable(userCode: string): string {
  return userCode.toUpperCase().replace(/[^A-Z]/g, '');
}
