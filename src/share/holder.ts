import { readdir, readFile, readlink } from 'node:fs/promises';
import type { PortHolder } from './errors.ts';

// The state of a socket that listens.
const listening = '0A';
// 127.0.0.1, and all addresses, of each family.
const addresses = ['0100007F', '00000000', '0000000000000000FFFF00000100007F', '0'.repeat(32)];

/** Finds who holds a port of this machine. Resolves with undefined if the system does not tell. */
export async function holderOf(port: number): Promise<PortHolder | undefined> {
  const socket = (await Promise.all(['tcp', 'tcp6'].map((table) => socketIn(table, port)))).find(Boolean);
  if (!socket) return undefined;
  const pid = await processOf(socket.inode);
  if (pid === undefined) return { user: socket.user };
  const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  return { user: socket.user, pid, ...(program !== undefined && { program: program.trim() }) };
}

async function socketIn(table: string, port: number): Promise<{ user: number; inode: string } | undefined> {
  const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
  for (const line of text.split('\n').slice(1)) {
    const [, local = '', , state, , , , user, , inode] = line.trim().split(/\s+/);
    const [address = '', its = ''] = local.split(':');
    const isOurs = addresses.includes(address) && Number.parseInt(its, 16) === port;
    if (state === listening && isOurs && inode !== undefined) return { user: Number(user), inode };
  }
  return undefined;
}

/** Finds the process that has a socket open, among those whose files this user may see. */
async function processOf(inode: string): Promise<number | undefined> {
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    const folder = `/proc/${pid}/fd`;
    for (const file of await readdir(folder).catch(() => []))
      if ((await readlink(`${folder}/${file}`).catch(() => '')) === `socket:[${inode}]`) return Number(pid);
  }
  return undefined;
}
