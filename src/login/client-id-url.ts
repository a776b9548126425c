import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireText, show } from '../base/validate.ts';

/** Throws `InvalidOptionError` if a text cannot be the URL of a client metadata document. */
export function requireClientIdUrl(option: string, value: unknown): void {
  requireText(option, value);
  const text = value as string;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const path = text.split(/[?#]/u)[0] ?? '';
  const hasDots = /\/(?:\.|%2e){1,2}(?:\/|$)/iu.test(path);
  const isPlain = url && url.protocol === 'https:' && url.pathname !== '/' && !/[\s#\\]/u.test(text);
  if (!isPlain || hasDots || url.username !== '' || url.password !== '')
    throw new InvalidOptionError(
      option,
      `must be an https URL with a path, without . or .. in it, user name and fragment; got ${show(url ? `${url.origin}${url.pathname}` : 'a text that is no URL')}`,
    );
}
