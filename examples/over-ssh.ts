/**
 * `ISSUER=https://as.example CLIENT_ID=my-cli npx tsx examples/over-ssh.ts`: a command that signs in wherever it runs. In an SSH
 * session it opens no browser. It prints the URL and the `ssh -L` line that lets the browser at home reach it, and takes the
 * address of the page that did not load.
 *
 * Needs `openid-client`. The command `login` does the same and more; this is for a command of your own.
 */
import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { tap } from 'rxjs';
import { createOAuthCallbackServer } from '../src/index.ts';
import { paste, signIn, tokens, type AuthorizeEvent, type SignInEvent } from '../src/login.ts';

const { ISSUER: issuer = 'http://127.0.0.1:3000', CLIENT_ID: clientId, PORT = '0' } = process.env;

// A fixed port serves a user who forwards it with the session: `ssh -L 53682:127.0.0.1:53682 machine`.
const server = createOAuthCallbackServer({ port: Number(PORT) });
await server.listen();

/** The sign-in that waits for its redirect. */
let asked: AuthorizeEvent | undefined;

// A terminal is read key by key and shows nothing: a pasted address has a code, and may be longer than a line of a terminal.
const lines = createInterface({
  input: process.stdin,
  output: new Writable({ write: (_chunk, _encoding, done) => done() }),
  terminal: process.stdin.isTTY,
});
lines.on('line', (line) => void take(line));
lines.on('SIGINT', () => end(130));

const subscription = signIn({
  ...{ issuer, scope: 'openid', host: server, open: true },
  ...(clientId !== undefined && { clientId }),
})
  .pipe(tap(show), tokens())
  .subscribe({
    next({ claims }) {
      console.log('Signed in as', claims?.sub);
      end(0);
    },
    error(error: unknown) {
      console.log('Not signed in:', (error as Error).message);
      end(1);
    },
  });

function show(event: SignInEvent): void {
  if (event.type === 'authorize') {
    asked = event;
    console.log('Open', event.url.href);
  } else if (event.type === 'opened' && !event.opened) {
    console.log(`If your browser is on another machine, run this there:\n\n  ${tunnel()}\n`);
    console.log('Or paste the address of the page that did not load (input is hidden):');
  }
}

/** Gives the command with which the browser's machine reaches the port here. */
function tunnel(): string {
  const [, , machine = hostname(), sshPort = '22'] = process.env['SSH_CONNECTION']?.split(' ') ?? [];
  const { port } = server.address;
  return `ssh -N -L ${port}:127.0.0.1:${port} -p ${sshPort} ${userInfo().username}@${machine}`;
}

async function take(line: string): Promise<void> {
  if (asked === undefined || line.trim() === '') return;
  const { disposition } = await paste(server, line, asked);
  if (disposition !== 'accepted') console.log(`Not accepted (${disposition}). Paste the whole address:`);
}

function end(code: number): void {
  process.exitCode = code;
  subscription.unsubscribe();
  lines.close();
  void server.close();
}
