/**
 * A machine that is reached by SSH: an `sshd` on loopback, with its keys and configuration in a folder that goes with it. The user
 * of the specs logs in, so it needs no rights.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Cli, Folder } from './cli.ts';

const sshd = '/usr/sbin/sshd';

const isRoot = process.getuid?.() === 0;

export const hasSshd =
  process.platform === 'linux' &&
  existsSync(sshd) &&
  spawnSync('ssh', ['-V']).status === 0 &&
  (isRoot || terminalsHaveGroup());
export const noSshd = `no ${sshd} or ssh here (apt-get install openssh-server openssh-client), or only root may use it`;

/** Loopback of the machine at home. The machine that is reached by SSH has 127.0.0.1. */
export const home = '127.0.0.2';

export class SshServer implements AsyncDisposable {
  readonly #folder = new Folder();
  readonly #listener: Server;
  readonly #children = new Set<ChildProcess>();
  /** Everything that the server has logged. */
  log = '';

  private constructor() {
    // A socket that this process must not read belongs to the child.
    this.#listener = createServer({ pauseOnConnect: true }, (socket) => this.#serve(socket));
  }

  static async start(): Promise<SshServer> {
    const server = new SshServer();
    server.#prepare();
    server.#listener.listen(0, '127.0.0.1');
    await once(server.#listener, 'listening');
    server.#folder.write('known', `[127.0.0.1]:${server.port} ${server.#publicKey('host')}`);
    return server;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Runs a command there on a terminal, as a person does who has logged in. */
  session(command: readonly string[], ...options: readonly string[]): Cli {
    const typed = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return this.#client([
      ...options,
      '-tt',
      '-p',
      String(this.port),
      `${userInfo().username}@127.0.0.1`,
      typed,
    ]);
  }

  /** Runs an `ssh -N -L` line at home, which is as it was printed; resolves once the port is forwarded. */
  async tunnel(line: string): Promise<Cli> {
    const [, ...words] = line.split(' ');
    const args = words.map((word, index) => (words[index - 1] === '-L' ? `${home}:${word}` : word));
    // Runs after the ports are bound.
    const says = ['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo forwarded'];
    const tunnel = this.#client([...says, '-o', 'ExitOnForwardFailure=yes', ...args]);
    await tunnel.sees(/forwarded/);
    return tunnel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    const ended = [...this.#children].map((child) => once(child, 'close'));
    for (const child of this.#children) child.kill();
    await Promise.all([closed, ...ended]);
    this.#folder[Symbol.dispose]();
  }

  #client(args: readonly string[]): Cli {
    const { path } = this.#folder;
    // Nothing of the user's own: no configuration, no keys, no agent, no known hosts.
    const own = [
      ...['-F', 'none', '-i', join(path, 'user')],
      ...['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=yes'].flatMap((each) => ['-o', each]),
      ...['-o', `UserKnownHostsFile=${join(path, 'known')}`, '-o', 'GlobalKnownHostsFile=/dev/null'],
    ];
    return Cli.program(['ssh', ...own, ...args]);
  }

  #prepare(): void {
    const { path } = this.#folder;
    for (const name of ['host', 'user']) {
      const made = spawnSync('ssh-keygen', [
        '-q',
        '-t',
        'ed25519',
        '-N',
        '',
        '-C',
        name,
        '-f',
        join(path, name),
      ]);
      if (made.status !== 0) throw new Error(`ssh-keygen failed: ${String(made.stderr)}`);
    }
    this.#folder.write('authorized', this.#publicKey('user'));
    const settings = [
      `HostKey ${join(path, 'host')}`,
      `AuthorizedKeysFile ${join(path, 'authorized')}`,
      'PidFile none',
      'UsePAM no',
      // The folder is below /tmp, where every user may write.
      'StrictModes no',
      'PasswordAuthentication no',
      'PrintLastLog no',
      // Neither start-up files nor settings of the user who runs the specs.
      `SetEnv HOME=${path}`,
    ];
    this.#folder.write('sshd_config', `${settings.join('\n')}\n`);
    // Only root's sshd asks for this folder, which Debian's service makes at its start. It stays empty.
    if (isRoot) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  }

  #publicKey(name: string): string {
    return readFileSync(join(this.#folder.path, `${name}.pub`), 'utf8');
  }

  /** Starts a server for one connection, as inetd does: so the port is free surely, and no session outlives its server unseen. */
  #serve(socket: Socket): void {
    const child = spawn(sshd, ['-i', '-e', '-f', join(this.#folder.path, 'sshd_config')], {
      stdio: [socket, socket, 'pipe'],
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    // The child has its own.
    socket.destroy();
  }
}

/** Tells if new terminals belong to the group `tty`. Otherwise sshd has to change that, which only root may. */
function terminalsHaveGroup(): boolean {
  return /^devpts .*\bgid=/m.test(readFileSync('/proc/mounts', 'utf8'));
}
