/** Metadata that an authorization server publishes about itself. @see RFC 8414 section 2 */
export interface ServerMetadata {
  issuer: string;
  authorization_endpoint?: string;
  token_endpoint?: string;
  registration_endpoint?: string;
  revocation_endpoint?: string;
  device_authorization_endpoint?: string;
  pushed_authorization_request_endpoint?: string;
  require_pushed_authorization_requests?: boolean;
  jwks_uri?: string;
  code_challenge_methods_supported?: readonly string[];
  grant_types_supported?: readonly string[];
  dpop_signing_alg_values_supported?: readonly string[];
  response_modes_supported?: readonly string[];
  token_endpoint_auth_methods_supported?: readonly string[];
  revocation_endpoint_auth_methods_supported?: readonly string[];
  authorization_response_iss_parameter_supported?: boolean;
  client_id_metadata_document_supported?: boolean;
  [name: string]: unknown;
}

/** Grant type of RFC 8628. */
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** Tells if a server offers the device grant: it has the endpoint, and does not list its grants without this one. */
export function offersDevice(metadata: ServerMetadata): boolean {
  const { device_authorization_endpoint: endpoint, grant_types_supported: grants } = metadata;
  return endpoint !== undefined && (grants === undefined || listOf(grants).includes(deviceGrant));
}

/** Returns the values of a field, which may be of any type because it is not validated. */
export function listOf(field: unknown): readonly unknown[] {
  return field === undefined ? [] : [field].flat();
}

/** Tells if metadata has a placeholder in place of a tenant, as that of Microsoft Entra for all tenants. */
export function ofManyTenants({ issuer }: { issuer: unknown }): boolean {
  return typeof issuer === 'string' && issuer.includes('{');
}
