/** Flags of `client-metadata` as commander parses them. */
export interface ClientMetadataFlags {
  url: string;
  clientName?: string;
  port?: readonly string[];
  callbackPath?: string;
  redirectUri?: readonly string[];
  scope?: readonly string[];
  device?: boolean;
  dpop?: boolean;
}
