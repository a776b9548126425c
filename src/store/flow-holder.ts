/** A remote program that begins flows, as its credential describes it. */
export interface FlowHolder {
  /** Name of the credential. */
  readonly name: string;
  /** Tenant that the credential is of; undefined for the service's own. */
  readonly tenant?: string | undefined;
  /** Address that the program has connected from. */
  readonly address?: string | undefined;
  readonly limits?: { readonly flows?: number | undefined } | undefined;
}

/** Key by which connections, flows and messages of a credential are counted: one for each name of each tenant. */
export function accountOf({ tenant = '', name }: Pick<FlowHolder, 'tenant' | 'name'>): string {
  // A tenant has no control character, so no two pairs have the same key.
  return `${tenant}\0${name}`;
}
