/** Flags of `logout` as commander parses them. */
export interface LogoutFlags {
  forget?: boolean;
  clientAuth?: 'basic' | 'post';
  timeout: string;
}
