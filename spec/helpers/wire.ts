import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deadline } from './assert.ts';

/** One HTTP answer as it came over the socket. */
export interface WireAnswer {
  status: number;
  /** By lower-case name; several values are joined with a comma. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Everything received, for searching it. */
  raw: string;
}

/** What a browser sends with a top-level navigation that comes from another site. */
export const navigation: Readonly<Record<string, string>> = {
  'Sec-Fetch-Site': 'cross-site',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-User': '?1',
  'Sec-Fetch-Dest': 'document',
};

export interface WireRequest {
  method?: string;
  /** The request target, byte for byte. */
  target: string;
  /** A list keeps order and repetitions. `Host` and `Connection: close` are added unless given; null leaves `Host` out. */
  headers?: Readonly<Record<string, string | null>> | readonly (readonly [string, string])[];
  body?: string;
  version?: string;
}

/** A socket to a port of this machine, connected. */
export async function dial(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host });
  socket.on('error', () => undefined);
  await deadline(once(socket, 'connect'), 5_000, `connecting to ${host}:${port}`);
  return socket;
}

/** Sends exact bytes, and gives all that came back when the server has closed, or its answer is whole. */
export async function sendRaw(port: number, bytes: string | Buffer, host = '127.0.0.1'): Promise<WireAnswer> {
  const socket = await dial(port, host);
  try {
    socket.write(bytes);
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

/** Reads one answer from a socket. An empty one (status 0) means that the server closed without a word. */
export async function readAnswer(socket: Socket, ms = 10_000): Promise<WireAnswer> {
  const chunks: Buffer[] = [];
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks))) resolve();
    });
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  await deadline(whole, ms, 'an answer');
  return parse(Buffer.concat(chunks));
}

/** Composes a request without tidying anything up. */
export function compose(port: number, request: WireRequest): string {
  const { method = 'GET', target, headers = {}, body = '', version = '1.1' } = request;
  const given: [string, string | null][] = isList(headers)
    ? headers.map(([name, value]) => [name, value])
    : Object.entries(headers);
  const has = (name: string): boolean => given.some(([each]) => each.toLowerCase() === name);
  const lines = [
    ...(has('host') ? [] : [['Host', `127.0.0.1:${port}`] as const]),
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

/** Sends one request over a socket of its own. */
export function send(port: number, request: WireRequest): Promise<WireAnswer> {
  return sendRaw(port, compose(port, request));
}

/** A person's browser coming back: a top-level navigation to `target`. */
export function visit(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<WireAnswer> {
  return send(port, { target, headers: { ...navigation, ...headers } });
}

function isList(headers: WireRequest['headers']): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers);
}

function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  // Nothing follows but another protocol.
  if (bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') return true;
  const length = /^content-length: *(\d+)/im.exec(bytes.subarray(0, end).toString('latin1'))?.[1];
  return length !== undefined && bytes.length >= end + 4 + Number(length);
}

function parse(bytes: Buffer): WireAnswer {
  const raw = bytes.toString();
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name] ?? ''}, ${value}` : value;
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n'), raw };
}
