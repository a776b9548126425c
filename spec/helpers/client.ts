import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

/** What a browser got. */
export interface Visited {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What Chrome sends when an authorization server's 302 brings it back. */
export const navigation: Readonly<OutgoingHttpHeaders> = {
  Accept: 'text/html,application/xhtml+xml',
  'Sec-Fetch-Site': 'cross-site',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-User': '?1',
  'Sec-Fetch-Dest': 'document',
  'Upgrade-Insecure-Requests': '1',
};

export interface VisitOptions {
  readonly method?: string;
  /** Stands beside the navigation's headers, or in place of those of the same name. */
  readonly headers?: OutgoingHttpHeaders;
}

/** Goes to a URL as a person's browser does, on a socket of its own. */
export function visit(url: string | URL, { method = 'GET', headers }: VisitOptions = {}): Promise<Visited> {
  return send(url, method, { ...navigation, ...headers });
}

/** Asks as a program does: with nothing but these headers. */
export function send(url: string | URL, method = 'GET', headers: OutgoingHttpHeaders = {}): Promise<Visited> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}
