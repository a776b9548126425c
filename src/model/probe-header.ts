/**
 * Header of a self-probe: the request has a nonce, the answer a proof.
 *
 * Web pages of other origins cannot send it, because it needs a CORS preflight.
 */
export const probeHeader = 'rx-oauth-callback-probe';
