/** Answers of a provider, with a mark in everything secret. */
export const idTokenPayload = Buffer.from(JSON.stringify({ iss: 'https://as.example', sub: 'ada' })).toString(
  'base64url',
);

export const tokenFields = {
  issuer: 'https://as.example',
  client_id: 'c',
  access_token: 'CANARY-access',
  token_type: 'bearer',
  refresh_token: 'CANARY-refresh',
  id_token: `CANARY.${idTokenPayload}.CANARY`,
  scope: 'openid',
  expires_in: 600,
  expires_at: 1_800_000_000,
  session: 'CANARY-extension',
};
