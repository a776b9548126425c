/** A registry of npm on this machine: it has this package as it is packed, and the packages that are installed here. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { ensureBuild, root } from './consumer.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly integrity: string;
}

export class Registry implements AsyncDisposable {
  readonly #scratch = mkdtempSync(join(tmpdir(), 'registry-'));
  readonly #server: Server;
  readonly #packed: readonly Packed[];

  private constructor(names: readonly string[]) {
    this.#packed = pack(closureOf(names).map(folderOf), this.#scratch);
    this.#server = createServer(({ url = '' }, response) => {
      const path = decodeURIComponent(url.slice(1));
      const file = this.#packed.find(({ filename }) => path === `-/${filename}`);
      const packed = this.#packed.find(({ name }) => name === path);
      if (file) response.end(readFileSync(join(this.#scratch, file.filename)));
      else if (packed) response.end(JSON.stringify(this.#documentOf(packed)));
      else response.writeHead(404).end('{}');
    });
  }

  /** Opens a registry that has the named packages and what they depend on. */
  static async open(...names: readonly string[]): Promise<Registry> {
    const registry = new Registry(names);
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Names of all packages that it has. */
  get names(): string[] {
    return this.#packed.map(({ name }) => name).sort();
  }

  /** Document of a package, with its only version. */
  #documentOf({ name, filename, integrity }: Packed): object {
    const manifest = manifestOf(name);
    const dist = { integrity, tarball: `${this.url}-/${filename}` };
    return {
      name,
      'dist-tags': { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist } },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#scratch, { recursive: true });
  }
}

function folderOf(name: string): string {
  return name === 'rx-oauth-callback' ? root : join(root, 'node_modules', name);
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')) as Manifest;
}

/** Returns the names, and those of all packages that they depend on. */
function closureOf(names: readonly string[]): string[] {
  const closure = new Set(names);
  for (const name of closure)
    for (const dependency of Object.keys(manifestOf(name).dependencies ?? {})) closure.add(dependency);
  return [...closure];
}

function pack(folders: readonly string[], into: string): Packed[] {
  ensureBuild();
  // Without scripts: `prepack` would build again, under the eyes of the other specs.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', into, ...folders];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm pack fails: ${stderr}`);
  return JSON.parse(stdout) as Packed[];
}
