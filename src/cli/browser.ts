import { isLoopback } from '../validate.ts';

/** Opens the person's browser, for the web and nothing else; says whether that could be done. Never through a shell. */
export async function openBrowser(url: URL): Promise<boolean> {
  const { protocol, hostname } = url;
  const safe =
    protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')));
  if (!safe) return false;
  try {
    const { default: open } = await import('open');
    const program = await open(url.href);
    // Where there is none to open it with, that is told later.
    program.once('error', () => undefined);
    return true;
  } catch {
    return false;
  }
}
