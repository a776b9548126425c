/**
 * `ISSUER=https://as.example CLIENT_ID=my-app PORT=8080 npx tsx examples/express-app.ts`: an Express app whose users sign in. Its
 * callback is mounted in the app, and the user comes back to the page of the app.
 *
 * Needs `express` and `openid-client`.
 */
import { randomUUID } from 'node:crypto';
import express, { type Request } from 'express';
import { createOAuthCallbackServer } from '../src/index.ts';
import { signIn } from '../src/login.ts';

const {
  ISSUER: issuer = 'http://127.0.0.1:3000',
  CLIENT_ID: clientId = 'my-app',
  PORT = '8080',
} = process.env;
const home = `http://127.0.0.1:${PORT}/`;

/** Name of each user, by the session in the cookie. */
const users = new Map<string, string>();

const callbacks = createOAuthCallbackServer({
  server: 'mounted',
  publicUrl: new URL(home).origin,
  productName: 'Notes',
  settle: 30_000,
  // The page that waits for the outcome leads here.
  finishUrls: [home],
});
await callbacks.listen();

const app = express();
app.use(callbacks.handler);

app.get('/', (request, response) => {
  const user = users.get(sessionOf(request));
  response.send(user === undefined ? '<a href="/sign-in">Sign in</a>' : 'You are signed in.');
});

app.get('/sign-in', (_request, response) => {
  const session = randomUUID();
  response.cookie('session', session, { httpOnly: true, sameSite: 'lax' });
  const events = signIn({
    ...{ issuer, clientId, scope: 'openid', host: callbacks },
    // Each user has a sign-in of their own.
    singleFlight: false,
    successUrl: home,
  });
  events.subscribe((event) => {
    if (event.type === 'authorize') response.redirect(event.url.href);
    else if (event.type === 'exchanged') users.set(session, event.tokens.claims?.sub ?? '');
    else if (event.type === 'failed' && !response.headersSent) response.status(502).send(event.error.message);
  });
});

const http = app.listen(Number(PORT), '127.0.0.1', () => console.log('Open', home));
process.once('SIGINT', () => {
  void callbacks.close().then(() => {
    http.close();
    // A browser keeps connections that it has not used yet. The port would wait for them.
    http.closeAllConnections();
  });
});

function sessionOf({ headers }: Request): string {
  return /(?:^|; )session=([\w-]+)/.exec(headers.cookie ?? '')?.[1] ?? '';
}
