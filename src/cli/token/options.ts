import type { Flags } from '../settings/layers.ts';

/** Formats in which `token` prints. */
export const formats = ['token', 'json', 'env', 'header', 'exec-credential'] as const;

export type Format = (typeof formats)[number];

/** Flags of `token` as commander parses them. */
export interface TokenFlags {
  format: Format;
  idToken?: boolean;
  refresh?: boolean;
  /** Flags by the key of their setting. */
  settings?: Flags;
  timeout: string;
}
