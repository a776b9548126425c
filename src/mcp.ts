/**
 * Tokens for MCP servers: discovery, registration, sign-in, refresh and step-up behind a `fetch`.
 *
 * @module rx-oauth-callback/mcp
 */
export { mcpAuth } from './mcp/mcp-auth.ts';
export { memoryStore } from './mcp/memory-store.ts';
export { fileStore } from './mcp/file-store.ts';
export {
  InsufficientScopeError,
  ResourceMismatchError,
  SignInRequiredError,
  TokenStoreError,
} from './mcp/errors.ts';
export type { McpAuth, McpSignInOptions, McpSignOutOptions } from './mcp/mcp-auth.ts';
export type { GivenClient, McpAuthOptions, McpServerOptions, Open } from './mcp/options.ts';
export type { ConnectOptions, CreateTransport, McpClient } from './mcp/connect.ts';
export type {
  EventSubject,
  McpAuthorizeEvent,
  McpEvent,
  McpFailedEvent,
  McpStatus,
  PlainMcpEvent,
} from './mcp/events.ts';
export type { McpAuthError, SignInReason } from './mcp/errors.ts';
export type { McpOAuthProvider, ProviderDiscovery, ProviderTokens } from './mcp/provider.ts';
export type { ClientOrigin } from './mcp/clients.ts';
export type { FileStoreOptions } from './mcp/file-store.ts';
export type { McpStore } from './mcp/store.ts';
export type { FetchLike } from './mcp/requests.ts';
