/** The HTTP client of the specs. It sends a request as it is given, and keeps the answer as it came. */
import { Agent, request as askNode, type OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { deadline, patience } from './assert.ts';
import { dial, dialTls } from './raw.ts';

/** A port of 127.0.0.1, or the URL of a server. */
export type Address = number | string | URL;

export interface HttpRequest {
  /** @default 'GET' */
  method?: string;
  /** The request target, byte for byte. @default the path and query of the URL that is asked */
  target?: string;
  /** A list keeps order and repetitions. `Host` and `Connection: close` are added unless given; null leaves `Host` out. */
  headers?: Readonly<Record<string, string | null>> | readonly (readonly [string, string])[];
  body?: string;
  /** @default '1.1' */
  version?: string;
}

export interface HttpAnswer {
  /** 0 if the server closed the connection without an answer. */
  status: number;
  /** Headers by lower-case name; several values are joined with a comma. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Everything received, for searching it. */
  raw: string;
}

/** Headers of a top-level navigation that comes from another site, as Chrome sends them. */
export const navigation: Readonly<Record<string, string>> = {
  'Sec-Fetch-Site': 'cross-site',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-User': '?1',
  'Sec-Fetch-Dest': 'document',
};

/** Sends one request with nothing but its headers, as a program does, over a connection of its own. */
export function send(address: Address, request: HttpRequest = {}): Promise<HttpAnswer> {
  return sendBytes(address, compose(address, request));
}

/** Navigates there as a user's browser does. @param target As in a request. */
export function visit(
  address: Address,
  target?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return send(address, { ...(target !== undefined && { target }), headers: { ...navigation, ...headers } });
}

/** Sends exact bytes over a connection of its own; returns the first answer. */
export async function sendBytes(address: Address, bytes: string | Buffer): Promise<HttpAnswer> {
  const socket = await connectTo(address);
  try {
    socket.write(bytes);
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

/** Composes a request without tidying anything up. */
export function compose(address: Address, request: HttpRequest): string {
  const { host, pathname, search } = urlOf(address);
  const { method = 'GET', target = pathname + search, headers = {}, body = '', version = '1.1' } = request;
  const given: [string, string | null][] = isList(headers)
    ? headers.map(([name, value]) => [name, value])
    : Object.entries(headers);
  const has = (name: string): boolean => given.some(([each]) => each.toLowerCase() === name);
  const lines = [
    ...(has('host') ? [] : [['Host', host] as const]),
    ...given,
    ...(has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(body === '' || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(Buffer.byteLength(body))] as const]),
  ];
  const head = lines
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${String(value)}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${head.join('')}\r\n${body}`;
}

/** Reads one answer, which is complete at the end of its body or of the connection. */
export async function readAnswer(socket: Socket): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks))) resolve();
    });
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  await deadline(whole, 'an answer');
  return parse(Buffer.concat(chunks));
}

/** Many browsers over a few connections, for specs that count requests by the thousand. */
export class Crowd implements Disposable {
  readonly #agent: Agent;

  constructor({ keepAlive = true, connections = 64 } = {}) {
    this.#agent = new Agent({ keepAlive, maxSockets: connections });
  }

  /** Returns the status of an answer; 0 if the connection ended before one, or none came in time. */
  status(
    url: string,
    { body, ...options }: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
  ): Promise<number> {
    return new Promise((resolve) => {
      const asked = askNode(url, { ...options, agent: this.#agent }, (answer) => {
        answer.resume().on('error', () => undefined);
        resolve(answer.statusCode ?? 0);
      });
      asked.setTimeout(patience, () => asked.destroy());
      asked.on('error', () => resolve(0));
      asked.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function connectTo(address: Address): Promise<Socket> {
  const { protocol, hostname, port } = urlOf(address);
  const host = hostname.replace(/^\[|\]$/g, '');
  const tls = protocol === 'https:';
  return (tls ? dialTls : dial)(Number(port || (tls ? 443 : 80)), host);
}

function urlOf(address: Address): URL {
  return new URL(typeof address === 'number' ? `http://127.0.0.1:${address}` : address);
}

function isList(headers: HttpRequest['headers']): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers);
}

function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  // Another protocol follows.
  if (bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') return true;
  const length = /^content-length: *(\d+)/im.exec(bytes.subarray(0, end).toString('latin1'))?.[1];
  return length !== undefined && bytes.length >= end + 4 + Number(length);
}

function parse(bytes: Buffer): HttpAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, end < 0 ? bytes.length : end).toString();
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name] ?? ''}, ${value}` : value;
  }
  const rest = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  const body = /chunked/i.test(headers['transfer-encoding'] ?? '') ? withoutChunks(rest) : rest;
  return {
    status: Number(statusLine.split(' ')[1] ?? 0),
    headers,
    body: body.toString(),
    raw: bytes.toString(),
  };
}

/** Joins the chunks of a body. @see RFC 9112 section 7.1 */
function withoutChunks(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at);
    const size = parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (!(line > 0 && size > 0)) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
