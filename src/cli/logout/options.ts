import type { Flags } from '../settings/layers.ts';

/** Flags of `logout` as commander parses them. */
export interface LogoutFlags {
  forget?: boolean;
  /** Flags by the key of their setting. */
  settings?: Flags;
  timeout: string;
}
