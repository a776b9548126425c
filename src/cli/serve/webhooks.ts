import type { WebhookOptions } from '../../bridge.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readText } from '../settings/files.ts';
import type { Config } from './config.ts';

/** Collects the webhooks of the bridge, with the secrets from their file. Throws `CommandError` if one is set without the other. */
export function webhookOptions({ webhooks }: Config): WebhookOptions | undefined {
  const { targets, privateTargets, secrets } = webhooks ?? {};
  const named = targets !== undefined || privateTargets !== undefined;
  if (!named && secrets === undefined) return undefined;
  if (secrets === undefined)
    throw new CommandError(
      '--webhook-target needs --webhook-secrets, which signs the requests',
      exitCodes.usage,
    );
  if (!named)
    throw new CommandError(
      '--webhook-secrets needs --webhook-target or --webhook-private-target',
      exitCodes.usage,
    );
  const lines = readText(secrets, '--webhook-secrets').split('\n');
  return {
    ...(targets && { targets }),
    ...(privateTargets && { privateTargets }),
    secret: lines.map((line) => line.trim()).filter((line) => line !== ''),
  };
}
