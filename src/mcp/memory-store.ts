import { jsonOf } from './json.ts';
import type { McpStore } from './store.ts';

/**
 * Creates a store that ends with its process.
 *
 * @example
 * import { mcpAuth, memoryStore } from 'rx-oauth-callback/mcp';
 *
 * const store = memoryStore();
 * const [one, other] = [mcpAuth({ store }), mcpAuth({ store })]; // share their tokens
 * await Promise.all([one.close(), other.close()]);
 */
export function memoryStore(): McpStore {
  // As JSON, so that a caller that changes a value does not change the stored one.
  const texts = new Map<string, string>();
  return {
    get: (key) => {
      const text = texts.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    set: (key, value) => void texts.set(key, jsonOf(value)),
    delete: (key) => void texts.delete(key),
  };
}
