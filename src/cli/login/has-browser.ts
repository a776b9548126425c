import { existsSync } from 'node:fs';
import type { Io } from '../io.ts';

export function inContainer(exists = existsSync): boolean {
  return ['/.dockerenv', '/run/.containerenv'].some((file) => exists(file));
}

/** Whether a browser that is opened here can be seen by whoever has started the command, and reach this machine. */
export function hasBrowser(env: Io['env'], platform = process.platform, exists = existsSync): boolean {
  if (['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'].some((name) => env[name])) return false;
  if (inContainer(exists)) return false;
  if (platform === 'win32' || platform === 'darwin') return true;
  return ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_DISTRO_NAME'].some((name) => env[name]);
}
