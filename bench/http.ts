/** A minimal HTTP/1.1 client, so that the load costs less than the server that it measures. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

/** Headers that Chrome sends when it follows an authorization server's redirect. */
const navigation = [
  'Connection: keep-alive',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
].join('\r\n');

/** Returns the request that a browser sends for a redirect with `code` and `state`. */
export function redirectRequest(port: number, code: string, state: string): string {
  return `GET /callback?code=${code}&state=${state} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${navigation}\r\n\r\n`;
}

/** A connection that is kept alive and has at most one request in flight. */
export class Connection {
  readonly #socket: Socket;
  readonly #answered: (connection: Connection, status: number) => void;
  #head: Buffer | undefined;
  #status = 0;
  #left = 0;

  private constructor(socket: Socket, answered: (connection: Connection, status: number) => void) {
    this.#socket = socket;
    this.#answered = answered;
    socket.on('data', (chunk) => this.#read(chunk));
  }

  static async open(
    port: number,
    answered: (connection: Connection, status: number) => void,
    failed: (error: Error) => void,
  ): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    socket.on('error', failed);
    socket.on('end', () => failed(new Error('the server has closed a connection')));
    return new Connection(socket, answered);
  }

  ask(request: string): void {
    this.#socket.write(request, 'latin1');
  }

  close(): void {
    this.#socket.removeAllListeners('end').destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#left === 0) {
      const bytes = this.#head ? Buffer.concat([this.#head, chunk]) : chunk;
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#head = bytes;
        return;
      }
      const head = bytes.toString('latin1', 0, end);
      this.#status = Number(head.slice(9, 12));
      this.#left = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)![1]) - bytes.length;
      this.#head = undefined;
    } else {
      this.#left -= chunk.length;
    }
    if (this.#left === 0) this.#answered(this, this.#status);
  }
}

/** Sends a request on a new connection. Returns everything that the server sends until it closes the connection. */
export function visit(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (answer += text));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(request, 'latin1');
  });
}
