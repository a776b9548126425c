import { InvalidOptionError } from '../../base/invalid-option.ts';
import { clientMetadata } from '../../login/client-metadata.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { integerOf } from '../login/settings.ts';
import type { ClientMetadataFlags } from './options.ts';

/** Prints the document. Throws `CommandError` for a flag that is not valid. */
export function printClientMetadata(flags: ClientMetadataFlags, io: Io): void {
  const { url, clientName, callbackPath, redirectUri, scope, device = false, dpop = false } = flags;
  const ports = flags.port?.map((port) => integerOf('--port', port, 1, 65_535));
  try {
    const document = clientMetadata({
      url,
      device,
      dpop,
      ...(clientName !== undefined && { clientName }),
      ...(callbackPath !== undefined && { callbackPath }),
      ...(redirectUri && { redirectUris: redirectUri }),
      ...(scope && { scope }),
      ...(ports && { ports }),
    });
    io.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  } catch (error) {
    throw error instanceof InvalidOptionError ? asFlag(error) : error;
  }
}

const flagOf: Readonly<Record<string, string>> = {
  callbackPath: '--callback-path',
  redirectUris: '--redirect-uri',
};

function asFlag({ option, message }: InvalidOptionError): CommandError {
  const name = option.replace(/\[\d+\]$/, '');
  const sentence = message
    .replace(option, flagOf[name] ?? `--${name}`)
    .replace('leave ports and callbackPath out', 'leave --port and --callback-path out');
  return new CommandError(sentence, exitCodes.usage);
}
