import { isIP } from 'node:net';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { isLocalhost, isLoopback, isSecure } from '../../base/loopback.ts';
import { readOptions, type OptionTable } from '../../base/options.ts';
import { requireList, show } from '../../base/validate.ts';

/** Webhooks of a bridge: URLs to which it may send results. */
export interface WebhookOptions {
  /**
   * URLs that `webhook` of a request may name, exactly as written here: https, or http on loopback. A name must not resolve to a
   * private address. An IP address that is listed may be private.
   *
   * @default none
   */
  targets?: readonly string[];
  /** The same, of URLs whose name may resolve to a private address. @default none */
  privateTargets?: readonly string[];
  /**
   * Secret that signs each request: base64 of 24 to 64 random bytes, with or without `whsec_` before it. During a rotation, the new
   * and the old one: each request has a signature of each.
   */
  secret: string | readonly string[];
}

const table: OptionTable<WebhookOptions> = { targets: true, privateTargets: true, secret: true };

/** URL that may get results. */
export interface Target {
  readonly url: URL;
  /** True if its name may resolve to a private address. */
  readonly isPrivate: boolean;
}

/** Settings of webhooks. The secrets are known to the signer only. */
export interface WebhookSettings {
  /** Targets by their URL, as the operator has written it. */
  readonly targets: ReadonlyMap<string, Target>;
  readonly secrets: readonly Buffer[];
}

const maxUrl = 2_048;

/** Reads the option `webhooks`. Throws `InvalidOptionError`, which shows no secret. */
export function readWebhooks(given: WebhookOptions): WebhookSettings {
  const options = readOptions(given, table, { of: 'webhooks', prefix: 'webhooks.' }, {});
  const { targets = [], privateTargets = [], secret } = options;
  requireList('webhooks.targets', targets, ' of URLs');
  requireList('webhooks.privateTargets', privateTargets, ' of URLs');
  const secrets = Array.isArray(secret) ? (secret as readonly unknown[]) : [secret];
  if (secrets.length < 1 || secrets.length > 2)
    throw new InvalidOptionError('webhooks.secret', `must be one secret or two; got ${secrets.length}`);
  return {
    targets: new Map([
      ...targets.map((url) => [url, requireTarget('webhooks.targets', url, false)] as const),
      ...privateTargets.map((url) => [url, requireTarget('webhooks.privateTargets', url, true)] as const),
    ]),
    secrets: secrets.map(requireSecret),
  };
}

function requireTarget(option: string, given: unknown, isPrivate: boolean): Target {
  const url =
    typeof given === 'string' && given.length <= maxUrl && URL.canParse(given) ? new URL(given) : undefined;
  // The path of a URL may be a secret, so no message shows it.
  const shown = show(url?.origin ?? typeof given);
  if (!url || !isSecure(url) || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new InvalidOptionError(
      option,
      `must be https URLs, or http on loopback, without user, password and fragment; got one of ${shown}`,
    );
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!isPrivate && isIP(hostname) === 0 && (isLoopback(hostname) || isLocalhost(hostname)))
    throw new InvalidOptionError(
      option,
      `must not name localhost; got one of ${shown}. List it as an IP address, or in webhooks.privateTargets`,
    );
  return { url, isPrivate: isPrivate || isIP(hostname) !== 0 };
}

function requireSecret(given: unknown): Buffer {
  const base64 = typeof given === 'string' ? given.replace(/^whsec_/, '') : '';
  const bytes = Buffer.from(base64, 'base64');
  if (!/^[\w+/-]+={0,2}$/.test(base64) || bytes.length < 24 || bytes.length > 64)
    throw new InvalidOptionError(
      'webhooks.secret',
      'must be base64 of 24 to 64 random bytes; make one with openssl rand -base64 32',
    );
  return bytes;
}
