/** What asks another server: imported when it is needed, which is seldom. It imports nothing of ours, which bundlers would put apart then. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Sends a header there; its value in the answer, undefined where they know nothing of it. */
export function ask(
  url: string,
  header: string,
  value: string,
  timeout: number,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { headers: { [header]: value }, timeout, agent: false };
    const request = url.startsWith('https:')
      ? // Who answers is proven by the answer; a certificate of our own making need not be trusted for that.
        httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    request.on('response', (response) => {
      resolve(response.headers[header] as string | undefined);
      request.destroy();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeout} ms`)));
    request.on('error', reject);
    request.end();
  });
}

/** Asks whoever holds the port whether it is a server of this package, which answers with that header. */
export async function holderOf(
  host: string,
  port: number,
  header: string,
): Promise<'rx-oauth-callback' | undefined> {
  const address = host.includes(':') ? `[${host}]` : host;
  const answer = await ask(`http://${address}:${port}`, header, 'holder', 500).catch(() => undefined);
  return answer === undefined ? undefined : 'rx-oauth-callback';
}
