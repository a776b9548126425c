import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { firstValueFrom, fromEvent, map, race, timer } from 'rxjs';
import { isLoopback } from '../validate.ts';

// By then a launcher that cannot open anything has said so; one that still runs is the browser itself.
const patience = 1_000;

/** Opens the person's browser, for the web and nothing else; says whether that could be done. Never through a shell. */
export async function openBrowser(url: URL): Promise<boolean> {
  const { protocol, hostname } = url;
  const safe =
    protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')));
  if (!safe) return false;
  try {
    return await launched(await launch(url.href));
  } catch {
    return false;
  }
}

async function launch(url: string): Promise<ChildProcess> {
  const { platform, env } = process;
  const isWindows = platform === 'win32';
  if (isWindows || env['WSL_DISTRO_NAME']) {
    // The package would start PowerShell there. By its path, since Windows looks where the process is first.
    const program = isWindows
      ? join(env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'rundll32.exe')
      : 'rundll32.exe';
    const launcher = spawn(program, ['url.dll,FileProtocolHandler', url], {
      stdio: 'ignore',
      detached: true,
    });
    launcher.unref();
    return launcher;
  }
  const { default: open } = await import('open');
  return open(url);
}

function launched(launcher: ChildProcess): Promise<boolean> {
  return firstValueFrom(
    race(
      fromEvent(launcher, 'exit').pipe(map((exit) => (exit as [code: number | null])[0] === 0)),
      fromEvent(launcher, 'error').pipe(map(() => false)),
      timer(patience).pipe(map(() => true)),
    ),
  );
}
