/** Stores and nodes that do not meet a requirement, as twins.ts has servers. */
import type { clusterRows } from './cluster-rows.ts';
import type { Edit } from './helpers/weakened.ts';

export interface ClusterTwin {
  /** The row whose check must reject it. */
  row: keyof typeof clusterRows;
  weakness: string;
  edits: readonly Edit[];
  complaint: RegExp;
}

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

const [store, scripts, seal] = ['store/redis/store.ts', 'store/redis/scripts.ts', 'store/redis/seal.ts'];

export const clusterTwins: readonly ClusterTwin[] = [
  {
    row: 'acceptsOnce',
    weakness: 'looks whether a state is used in one step and uses it up in another',
    edits: [
      edit(scripts, 'if flow[3] or now >= tonumber', 'if now >= tonumber'),
      edit(
        store,
        `const [page] = this.#pages.of(id);
    const [`,
        `const [page] = this.#pages.of(id);
    if (typeof (await this.take(state)) === 'object') return { disposition: 'duplicate' };
    const [`,
      ),
    ],
    complaint: /accepted in the same tick/,
  },
  {
    row: 'everyKeyEnds',
    weakness: 'begins flows that stay for ever',
    edits: [
      edit(
        scripts,
        `redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires + ARGV[6]))`,
        `redis.call('PERSIST', KEYS[1])`,
      ),
    ],
    complaint: /begun: a key lives for ever/,
  },
  {
    row: 'everyKeyEnds',
    weakness: 'remembers used states for ever',
    edits: [
      edit(
        scripts,
        `redis.call('HSET', KEYS[1], 'u', '1', 'a', flow[3] or '')`,
        `do redis.call('HSET', KEYS[1], 'u', '1') return 1 end`,
      ),
    ],
    complaint: /acknowledged: a key lives for ever/,
  },
  {
    row: 'everyKeyEnds',
    weakness: 'remembers for ever where a page has waited',
    edits: [edit(scripts, `ARGV[7], 'PX', ARGV[8])`, `ARGV[7])`)],
    complaint: /consumed: a key lives for ever/,
  },
  {
    row: 'showsNothing',
    weakness: 'keeps codes as they are',
    edits: [
      edit(
        store,
        `this.#sealer.seal(state, 'response', JSON.stringify(response))`,
        `JSON.stringify(response)`,
      ),
    ],
    complaint: /a code is shown/,
  },
  {
    row: 'showsNothing',
    weakness: 'calls a flow by its state',
    edits: [edit(store, `const id = digest.toString('base64url').slice(0, 22);`, `const id = state;`)],
    complaint: /a state is shown/,
  },
  {
    row: 'showsNothing',
    weakness: 'keeps the owner’s key as it is',
    edits: [edit(store, `this.#sealer.owner(state, key)`, `key`)],
    complaint: /a key is shown/,
  },
  {
    row: 'showsNothing',
    weakness: 'tells outcomes in the open',
    edits: [
      edit(store, `this.#sealer.seal(state, 'outcome', JSON.stringify(outcome))`, `JSON.stringify(outcome)`),
    ],
    complaint: /an outcome is shown/,
  },
  {
    row: 'tenantsApart',
    weakness: 'calls a flow by its state alone',
    edits: [edit(seal, `JSON.stringify([this.#tenant, ...parts])`, `JSON.stringify(parts)`)],
    complaint: /at the other tenant/,
  },
  {
    row: 'opensItsOwn',
    weakness: 'does not bind what it seals to a tenant',
    edits: [edit(seal, `JSON.stringify([this.#tenant, purpose, state])`, `JSON.stringify([purpose, state])`)],
    complaint: /one has the other tenant's response/,
  },
  {
    row: 'opensItsOwn',
    weakness: 'seals with the state, whatever keys it has',
    edits: [edit(seal, `[counter, key, `, `[counter, `)],
    complaint: /Expected promise to reject/,
  },
  {
    row: 'keepsUnread',
    weakness: 'acknowledges a flow that has not ended',
    edits: [edit(scripts, `if not flow[2] and now < tonumber(flow[1]) then return 0 end`, ``)],
    complaint: /before it has ended/,
  },
  {
    row: 'keepsUnread',
    weakness: 'forgets a result as soon as it is taken',
    edits: [
      edit(
        scripts,
        `if flow[2] then return { 'response', flow[2] } end`,
        `if flow[2] then redis.call('HDEL', KEYS[1], 'e') return { 'response', flow[2] } end`,
      ),
    ],
    complaint: /the second time it is taken/,
  },
  {
    row: 'findsUntold',
    weakness: 'trusts in messages',
    edits: [edit('store/redis/wakes.ts', `Promise.all([this.sweep(), onPoll()`, `Promise.all([onPoll()`)],
    complaint: /the wake-up/,
  },
  {
    row: 'tellsOnceOfWhatIsLost',
    weakness: 'has every node tell of it',
    edits: [edit(scripts, `if flow[2] then return flow[2]`, `if flow[1] and flow[2] then return flow[2]`)],
    complaint: /of one that was lost[^]*3/,
  },
  {
    row: 'tellsOnceOfWhatIsLost',
    weakness: 'has nobody tell of it',
    edits: [edit(scripts, `if flow[3] then return 0 end`, `if not flow[1] then return 0 end`)],
    complaint: /of one that was lost[^]*0/,
  },
  {
    row: 'tellsOnceOfWhatIsLost',
    weakness: 'takes one that was acknowledged for lost',
    edits: [edit(scripts, `if flow[3] then return 0 end\n`, ``)],
    complaint: /of one that was acknowledged/,
  },
  {
    row: 'tellsOnceOfWhatIsLost',
    weakness: 'remembers of one that is begun again that it was lost',
    edits: [edit(scripts, `if known[7] then redis.call('DEL', KEYS[1]) end\n`, ``)],
    complaint: /of one that was begun again/,
  },
  {
    row: 'failsClosed',
    weakness: 'takes a store that is away for one without the flow',
    edits: [
      edit(
        'handler.ts',
        `.match(fields, arrival)
        .then(`,
        `.match(fields, arrival)
        .catch(() => ({ disposition: 'unmatched' as const }))
        .then(`,
      ),
    ],
    complaint: /the status[^]*400/,
  },
  {
    row: 'failsClosed',
    weakness: 'accepts what it cannot ask about',
    edits: [
      edit(
        'handler.ts',
        `.match(fields, arrival)
        .then(`,
        `.match(fields, arrival)
        .catch(() => ({ disposition: 'accepted' as const, flow: 'f' }))
        .then(`,
      ),
    ],
    complaint: /the status[^]*200/,
  },
];
