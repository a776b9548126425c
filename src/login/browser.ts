import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { asyncScheduler, firstValueFrom, fromEvent, map, race, timer, type SchedulerLike } from 'rxjs';
import { isSecure } from '../base/loopback.ts';
import {
  browserCommands,
  namesBrowser,
  wantsNone,
  type BrowserCommand,
  type Environment,
} from './browser-variable.ts';

// A launcher that cannot open anything has failed by then; one that still runs is the browser itself.
const launchTimeoutMs = 1_000;

/** Tells if the process runs in a container. */
export function isInContainer(exists = existsSync): boolean {
  return ['/.dockerenv', '/run/.containerenv'].some((file) => exists(file));
}

/** Tells if the user can see a browser that is opened here, and that browser can reach this machine. */
export function hasBrowser(env: Environment, platform = process.platform, exists = existsSync): boolean {
  if (wantsNone(env)) return false;
  if (namesBrowser(env)) return true;
  return hasDesktop(env, platform, exists);
}

function hasDesktop(env: Environment, platform: NodeJS.Platform, exists: typeof existsSync): boolean {
  if (['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'].some((name) => env[name])) return false;
  if (isInContainer(exists)) return false;
  if (platform === 'win32' || platform === 'darwin') return true;
  return ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_DISTRO_NAME'].some((name) => env[name]);
}

/**
 * Opens the user's browser, for https and for http on loopback only; resolves with false if it did not open. Uses no shell.
 *
 * @param env Environment of the browser. Its BROWSER comes before the browser of the system.
 */
export async function launchBrowser(
  url: URL,
  env: Environment,
  scheduler: SchedulerLike = asyncScheduler,
): Promise<boolean> {
  if (!isSecure(url)) return false;
  for (const command of [...browserCommands(env, url.href), systemBrowser(env, url.href)])
    if (await opens(command, env, scheduler)) return true;
  return false;
}

/** Gives the command that opens the browser that is set in the system. */
function systemBrowser(env: Environment, url: string): BrowserCommand {
  const { platform } = process;
  if (platform === 'darwin') return ['open', url];
  const toHandler = ['url.dll,FileProtocolHandler', url] as const;
  // A full path, because Windows searches the current folder first.
  if (platform === 'win32')
    return [join(env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'rundll32.exe'), ...toHandler];
  return env['WSL_DISTRO_NAME'] ? ['rundll32.exe', ...toHandler] : ['xdg-open', url];
}

async function opens(
  [program, ...args]: BrowserCommand,
  env: Environment,
  scheduler: SchedulerLike,
): Promise<boolean> {
  try {
    const launcher = spawn(program, args, { env, stdio: 'ignore', detached: true });
    launcher.unref();
    return await hasOpened(launcher, scheduler);
  } catch {
    return false;
  }
}

function hasOpened(launcher: ChildProcess, scheduler: SchedulerLike): Promise<boolean> {
  return firstValueFrom(
    race(
      fromEvent(launcher, 'exit').pipe(map((exit) => (exit as [code: number | null])[0] === 0)),
      fromEvent(launcher, 'error').pipe(map(() => false)),
      timer(launchTimeoutMs, scheduler).pipe(map(() => true)),
    ),
  );
}
