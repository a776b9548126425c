/** WebSocket subprotocol; see PROTOCOL.md. */
export const subprotocol = 'rx-oauth-callback.v1';

/** Prefix of a second subprotocol that carries a browser's ticket; the service never echoes it. */
export const ticketPrefix = 'ticket.';

/** Maximum number of flows that one `ack` may name. */
export const maxAcknowledged = 200;
