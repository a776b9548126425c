/** Flags of `watch` as commander parses them. */
export interface WatchOptions {
  token?: string;
  type?: readonly string[];
  disposition?: readonly string[];
  flow?: readonly string[];
  history?: true;
  json?: boolean;
}
