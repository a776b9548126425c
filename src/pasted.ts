import { InvalidOptionError } from './errors.ts';
import { hasResponseParameter } from './redirect.ts';
import type { CallbackRequest } from './request.ts';

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
  const mark = pasted.indexOf('?');
  let url = pasted;
  if (/^https?:\/\//i.test(pasted)) url = pasted;
  else if (hasResponseParameter(pasted.slice(mark + 1))) {
    // What stands before it is missing its scheme, as browsers show it, its origin, or altogether.
    if (mark <= 0) url = ask(pasted.slice(mark + 1));
    else url = (pasted.startsWith('/') ? origin : `${protocol}//`) + pasted;
  } else if (rest === undefined) {
    throw new InvalidOptionError('text', 'must be a URL or its query; a bare code needs the flow it is for');
  } else {
    // Copied out of a URL, it is percent-encoded already.
    const code = encodeURIComponent(pasted).replace(/%25(?=[\da-f]{2})/gi, '%');
    url = ask(`code=${code}&${rest}`);
  }
  const target = url.startsWith(`${origin}${prefix}/`)
    ? origin + url.slice(origin.length + prefix.length)
    : url;
  return { method: 'GET', target, rawHeaders: ['Host', host] };
}
