/** The part of `oidc-provider` that the demo and the specs use; the package brings no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

  export interface Interaction {
    readonly prompt: {
      readonly name: string;
      readonly details: {
        readonly missingOIDCScope?: readonly string[];
        /** Scopes by resource. */
        readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
      };
    };
    readonly params: { readonly client_id: string };
    readonly session?: { readonly accountId: string };
  }

  export interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export interface Client {
    readonly clientId: string;
    readonly redirectUris: readonly string[];
  }

  /** Token as events report it. */
  export interface Token {
    readonly jti: string;
    readonly aud?: string;
    readonly grantId: string;
  }

  /** Request inside the provider. */
  export interface Context {
    status: number;
    body: unknown;
    readonly response: { get(name: string): string; set(name: string, value: string): void };
    /** Missing if no route of the provider has the path. */
    readonly oidc?: {
      readonly route: string;
      readonly params?: Readonly<Record<string, string | undefined>>;
      readonly body?: Record<string, unknown>;
      readonly client?: Client;
    };
  }

  export interface ProviderError extends Error {
    readonly error: string;
    readonly error_description?: string;
    /** Reason, which is not answered. */
    readonly error_detail?: string;
  }

  export type InteractionResult =
    | { login: { accountId: string } }
    | { consent: { grantId: string } }
    | { error: string; error_description: string };

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly Grant: new (properties: { accountId: string; clientId: string }) => Grant;
    readonly Client: { find(id: string): Promise<Client | undefined> };
    readonly RefreshToken: { revokeByGrantId(grantId: string): Promise<void> };
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void;
    callback(): RequestListener;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: InteractionResult,
      options: { mergeWithLastSubmission: boolean },
    ): Promise<void>;
    on(event: 'server_error', listener: (context: unknown, error: Error) => void): this;
    on(
      event: 'grant.error' | 'authorization.error' | 'registration_create.error',
      listener: (context: Context, error: ProviderError) => void,
    ): this;
    on(
      event: 'access_token.issued' | 'refresh_token.saved' | 'refresh_token.consumed',
      listener: (token: Token) => void,
    ): this;
  }

  /** Errors that a hook of the configuration may throw: the provider answers them. */
  export const errors: {
    readonly InvalidClientMetadata: new (description: string) => Error;
    readonly InvalidTarget: new (description: string) => Error;
  };
}
