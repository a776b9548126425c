/** Formats in which `token` prints. */
export const formats = ['token', 'json', 'env', 'header', 'exec-credential'] as const;

export type Format = (typeof formats)[number];

/** Flags of `token` as commander parses them. */
export interface TokenFlags {
  format: Format;
  idToken?: boolean;
  refresh?: boolean;
  clientAuth?: 'basic' | 'post';
  timeout: string;
}
