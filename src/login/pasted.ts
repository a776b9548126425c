import { InvalidOptionError } from '../errors.ts';
import { hasResponseParameter } from '../redirect.ts';
import type { CallbackRequest } from '../request.ts';

const absolute = /^https?:\/\//i;

/** Where a redirect that is typed in belongs. */
export interface PastedFor {
  redirectUri: string;
  /** What a proxy in front takes off of our paths: a path without a slash at its end, or none. */
  prefix: string;
  /** What a bare code lacks of a response, form-encoded; undefined where it is for no flow. */
  rest: string | undefined;
}

/**
 * The request that a browser would have made, from what a person has copied: the URL of the page that did not load, its
 * query, or a bare code. White space, as terminals and mails put it in, is taken out.
 */
export function pastedRequest(text: string, { redirectUri, prefix, rest }: PastedFor): CallbackRequest {
  const [pasted = ''] = text.replace(/\s+/g, '').split('#', 1);
  if (pasted === '') throw new InvalidOptionError('text', 'must be a URL, its query or a code, got nothing');
  const { origin, protocol, host } = new URL(redirectUri);
  const ask = (query: string): string => `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`;
  let url = pasted;
  if (isBareCode(pasted)) {
    if (rest === undefined)
      throw new InvalidOptionError(
        'text',
        'must be a URL or its query; a bare code needs the flow it is for',
      );
    // Copied out of a URL, it is percent-encoded already.
    const code = encodeURIComponent(pasted).replace(/%25(?=[\da-f]{2})/gi, '%');
    url = ask(`code=${code}&${rest}`);
  } else if (!absolute.test(pasted)) {
    const mark = pasted.indexOf('?');
    // What stands before it is missing its scheme, as browsers show it, its origin, or altogether.
    if (mark <= 0) url = ask(pasted.slice(mark + 1));
    else url = (pasted.startsWith('/') ? origin : `${protocol}//`) + pasted;
  }
  const target = url.startsWith(`${origin}${prefix}/`)
    ? origin + url.slice(origin.length + prefix.length)
    : url;
  return { method: 'GET', target, rawHeaders: ['Host', host] };
}

/** Neither a URL nor a query with a response in it. */
export function isBareCode(text: string): boolean {
  return !absolute.test(text) && !hasResponseParameter(text.slice(text.indexOf('?') + 1));
}
