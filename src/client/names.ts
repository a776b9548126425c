/** The WebSocket subprotocol; see PROTOCOL.md. */
export const subprotocol = 'rx-oauth-callback.v1';

/** A second subprotocol that carries a browser's ticket; never echoed. */
export const ticketPrefix = 'ticket.';

/** Flows that one `ack` may name. */
export const mostAcknowledged = 200;
