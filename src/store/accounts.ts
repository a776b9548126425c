/** Use of a store by one identity. */
export interface Account<Item, Used> {
  readonly name: string;
  /** Flows that are pending, or have ended and are not acknowledged. */
  flows: number;
  /** Bytes of these flows. */
  bytes: number;
  /** Items that could be dropped, oldest first. */
  readonly ended: Set<Item>;
  /** Used states of the flows before these, oldest first. */
  readonly used: Set<Used>;
  maxBytes: number;
}

// A flow has about 1 KB, with the longest texts 4 KB. Its result may be ten times as long, and waits for an acknowledgement.
const bytesPerFlow = 4_096;
const minBytes = 2 ** 20;

/** Bytes of a used state, measured. */
export const usedBytes = 256;

/** Returns how many bytes an account of so many flows may have. */
export function bytesOfShare(maxFlows: number): number {
  return Math.max(minBytes, maxFlows * bytesPerFlow);
}

/** Counts what each identity uses of a store, until nothing of it is left. */
export class Accounts<Item, Used> {
  readonly #byName = new Map<string, Account<Item, Used>>();

  /** Returns the account of a name, or undefined if it has not room for another flow of `bytes`. */
  open(name: string, maxFlows: number, bytes: number): Account<Item, Used> | undefined {
    const maxBytes = bytesOfShare(maxFlows);
    const account: Account<Item, Used> = this.#byName.get(name) ?? {
      name,
      flows: 0,
      bytes: 0,
      ended: new Set(),
      used: new Set(),
      maxBytes,
    };
    account.maxBytes = maxBytes;
    if (account.flows >= maxFlows || account.bytes + bytes > maxBytes) return undefined;
    this.#byName.set(name, account);
    return account;
  }

  /** Adds to an account; a negative number takes away. */
  charge(account: Account<Item, Used> | undefined, flows: number, bytes: number): void {
    if (!account) return;
    account.flows += flows;
    account.bytes += bytes;
    this.#closeIfEmpty(account);
  }

  /** Adds a used state. It takes nothing of the share. Returns the oldest one if there are too many now. */
  addUsed(account: Account<Item, Used> | undefined, used: Used): Used | undefined {
    if (!account) return undefined;
    account.used.add(used);
    const [oldest] = account.used;
    return account.used.size * usedBytes > account.maxBytes ? oldest : undefined;
  }

  removeUsed(account: Account<Item, Used> | undefined, used: Used): void {
    if (!account) return;
    account.used.delete(used);
    this.#closeIfEmpty(account);
  }

  #closeIfEmpty(account: Account<Item, Used>): void {
    const { name, flows, used } = account;
    // Another account may have the name by now.
    if (flows <= 0 && used.size === 0 && this.#byName.get(name) === account) this.#byName.delete(name);
  }
}
