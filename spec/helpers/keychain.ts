/** A keychain of its own, in the session of a D-Bus that ends with it: the Secret Service of Linux. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadline } from './assert.ts';

/** Announces the bus once the keychain is unlocked. Both end when the input of the script does. */
const script = `set -eu
printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
echo "bus $DBUS_SESSION_BUS_ADDRESS"
exec cat`;

export class Keychain {
  readonly #session: ChildProcess;
  readonly #folder: string;
  /** Environment of a process that uses the keychain. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(session: ChildProcess, folder: string, env: Readonly<Record<string, string>>) {
    this.#session = session;
    this.#folder = folder;
    this.env = env;
  }

  static async start(): Promise<Keychain> {
    const folder = mkdtempSync(join(tmpdir(), 'keychain-'));
    const runtime = join(folder, 'runtime');
    mkdirSync(runtime, { mode: 0o700 });
    const home = { HOME: folder, XDG_RUNTIME_DIR: runtime };
    const { PATH = '' } = process.env;
    const session = spawn('dbus-run-session', ['--', 'bash', '-c', script], {
      env: { PATH, ...home },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const announced = new Promise<string>((resolve, reject) => {
      let text = '';
      session.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        const address = /bus (.+)\n/.exec(text)?.[1];
        if (address !== undefined) resolve(address);
      });
      session.once('error', reject);
      session.once('exit', () => reject(new Error('the session of the keychain has ended')));
    });
    const DBUS_SESSION_BUS_ADDRESS = await deadline(announced, 'the keychain');
    return new Keychain(session, folder, { ...home, DBUS_SESSION_BUS_ADDRESS });
  }

  /** Ends the session, and removes what it has kept once it has ended. */
  end(): void {
    this.#session.once('close', () => rmSync(this.#folder, { recursive: true, force: true }));
    this.#session.stdin?.end();
  }
}
