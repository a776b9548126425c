import { InvalidOptionError } from '../base/invalid-option.ts';
import { hasResponseParameter } from '../callback/parameters.ts';
import type { CallbackRequest } from '../callback/request.ts';

const absolute = /^https?:\/\//i;

/** Flow and server that a pasted redirect is for. */
export interface PastedFor {
  redirectUri: string;
  /** Path prefix that a reverse proxy removes, without a slash at its end; may be empty. */
  prefix: string;
  /** Form-encoded parameters that are added to a bare code; undefined if there is no flow to take them from. */
  rest: string | undefined;
}

/**
 * Builds the request that the browser would have sent from the text that a user has copied: the URL of the page that did not
 * load, its query, or a bare code. White space is removed, because terminals and mail programs wrap long lines.
 */
export function pastedRequest(text: string, { redirectUri, prefix, rest }: PastedFor): CallbackRequest {
  const [copied = ''] = text.replace(/\s+/g, '').split('#', 1);
  // Some browsers copy a URL with its characters decoded.
  const pasted = copied.replace(/[^\x21-\x7e]+/g, (characters) => encodeURIComponent(wellFormed(characters)));
  if (pasted === '') throw new InvalidOptionError('text', 'must be a URL, its query or a code; got nothing');
  const { origin, protocol, host } = new URL(redirectUri);
  const ask = (query: string): string => `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`;
  let url = pasted;
  if (isBareCode(pasted)) {
    if (rest === undefined)
      throw new InvalidOptionError(
        'text',
        'must be a URL or its query; a bare code requires the flow that it belongs to',
      );
    // A code that was copied from a URL is already percent-encoded; it is not encoded twice.
    const code = encodeURIComponent(pasted).replace(/%25(?=[\da-f]{2})/gi, '%');
    url = ask(`code=${code}&${rest}`);
  } else if (!absolute.test(pasted)) {
    const mark = pasted.indexOf('?');
    // The text is only a query, begins with the path, or lacks the scheme, which browsers hide.
    if (mark <= 0) url = ask(pasted.slice(mark + 1));
    else url = (pasted.startsWith('/') ? origin : `${protocol}//`) + pasted;
  }
  const target = url.startsWith(`${origin}${prefix}/`)
    ? origin + url.slice(origin.length + prefix.length)
    : url;
  return { method: 'GET', target, rawHeaders: ['Host', host], pasted: true };
}

/** Replaces half characters, which have no encoding. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** Tells if a text is neither a URL nor a query with a response parameter. */
export function isBareCode(text: string): boolean {
  return !absolute.test(text) && !hasResponseParameter(text.slice(text.indexOf('?') + 1));
}
