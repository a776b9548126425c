import type { Exchange, Fault } from './exchange.ts';

/** Names the flow of a request, and proves that the request may have it. */
export interface FlowHeaders {
  readonly state: string;
  /** 32 bytes as base64url. */
  readonly key: string;
}

const notAKey =
  'must be 32 random bytes: 43 characters of base64url without padding, or 64 hexadecimal digits';

/** Reads `Flow-State` and `Flow-Key`. They are headers, because logs have URLs. */
export function readFlowHeaders(exchange: Exchange): FlowHeaders | Fault {
  const state = exchange.header('flow-state') ?? '';
  if (!/^[\x21-\x7e]{1,512}$/.test(state))
    return invalid('Flow-State', 'must be the state of the flow: 22 to 512 printable ASCII characters');
  const key = readKey(exchange);
  return key === undefined ? invalid('Flow-Key', notAKey) : { state, key };
}

/** Reads `Flow-Key` alone. */
export function readKeyHeader(exchange: Exchange): string | Fault {
  return readKey(exchange) ?? invalid('Flow-Key', notAKey);
}

/** Reads the key as base64url. A shell makes 64 hexadecimal digits more easily, so these are taken too. */
function readKey(exchange: Exchange): string | undefined {
  const key = exchange.header('flow-key') ?? '';
  if (/^[\da-f]{64}$/i.test(key)) return Buffer.from(key, 'hex').toString('base64url');
  return /^[\w-]{43}$/.test(key) ? key : undefined;
}

function invalid(option: string, message: string): Fault {
  return { code: 'invalid_option', option, message };
}

// Proxies give up on an answer after 60 s by default.
const maxWaitSeconds = 55;
const usualWaitSeconds = 25;

/**
 * Reads how long a request may wait for a result, in seconds.
 *
 * @see RFC 7240 section 4.3
 */
export function readWait(exchange: Exchange): number {
  const prefer = exchange.header('prefer') ?? '';
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(prefer) ?? [];
  return Math.min(seconds === undefined ? usualWaitSeconds : Number(seconds), maxWaitSeconds);
}
