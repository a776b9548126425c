import { InvalidOptionError } from '../base/invalid-option.ts';

// Fits into a message of the bridge with room to spare.
const maxLength = 8_192;

/**
 * Reads the URL that a start URL leads to.
 *
 * @throws InvalidOptionError if it is not an absolute http or https URL. The error does not show it, because it may have a state.
 */
export function readStartTarget(given: string | URL): URL {
  const text = String(given);
  const url = text.length <= maxLength && URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw new InvalidOptionError(
    'url',
    `must be an absolute http or https URL without userinfo, of at most ${maxLength} characters`,
  );
}
