/** Stores in a file as programs write them first. What they lose shows that a check can fail. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { McpStore } from '../../src/mcp/store.ts';

type Values = Record<string, unknown>;

async function valuesIn(path: string): Promise<Values> {
  return JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Values;
}

function storeOf(path: string, write: (text: string) => Promise<void>): McpStore {
  return {
    get: async (key) => (await valuesIn(path))[key],
    set: async (key, value) => write(JSON.stringify({ ...(await valuesIn(path)), [key]: value })),
    delete: async (key) => write(JSON.stringify({ ...(await valuesIn(path)), [key]: undefined })),
  };
}

/** Returns a store that writes into the file that others read. */
export function inPlaceStore(path: string): McpStore {
  return storeOf(path, (text) => writeFile(path, text, { mode: 0o600 }));
}

/** Returns a store that replaces the file in one step, and knows nothing of others that do. */
export function unlockedStore(path: string): McpStore {
  return storeOf(path, async (text) => {
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, path);
  });
}
