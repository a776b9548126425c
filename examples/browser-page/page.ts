/** The page. It waits in its tab while the user signs in in another one, and gets the response over the bridge. */
import {
  connectCallbackHost,
  type RemoteCallbackHost,
  type ResumableFlow,
} from '../../src/client-browser.ts';
import type { CallbackResponse } from '../../src/index.ts';
import type { Settings } from './service.ts';

/** Place of the flow that waits: of this tab only, for a reload. It is empty once the sign-in has ended. */
const place = 'sign-in';

const sentences: Readonly<Record<string, string>> = {
  access_denied: 'You are not signed in: access was denied.',
  cancelled: 'You are not signed in: the sign-in was cancelled.',
  expired: 'You are not signed in: it has taken too long.',
  taken_over: 'This sign-in goes on in another tab.',
  connection_failed: 'The service cannot be reached.',
};

const [signInButton, cancelButton] = [byId('sign-in'), byId('cancel')];
const link = byId('link') as HTMLAnchorElement;
signInButton.onclick = () => void begin().catch(failed);

const settings = (await (await fetch('/settings')).json()) as Settings;
const saved = sessionStorage.getItem(place);
if (saved !== null) await resume(saved).catch(failed);
else if (settings.user !== undefined) succeeded(settings.user);
else show('Sign in to see your notes.', { signIn: true });

/** Connects with a ticket, which the service gives to its own page. A reconnect needs another one. */
function connect(): Promise<RemoteCallbackHost> {
  const ticket = async (): Promise<string> => (await post('/ticket', {})).text();
  return connectCallbackHost(settings.bridge, { ticket });
}

async function begin(): Promise<void> {
  show('Connecting…');
  const host = await connect();
  const flow = await host.begin(settings.expected);
  sessionStorage.setItem(place, flow.toResumable());
  wait(host, flow);
  // No access to this tab for the other one.
  open(link.href, '_blank', 'noopener');
}

async function resume(saved: string): Promise<void> {
  const host = await connect();
  wait(host, await host.resume(saved));
}

function wait(host: RemoteCallbackHost, flow: ResumableFlow): void {
  const { endpoint, clientId } = settings;
  link.href = flow.authorizationUrl(endpoint, { client_id: clientId, scope: 'openid' }).href;
  cancelButton.onclick = () => flow.cancel();
  show('Waiting for your sign-in in the other tab.', { waiting: true });
  flow.response.subscribe({
    next: (response) => void finish(flow, response).catch(failed).finally(close),
    error(error: unknown) {
      failed(error);
      close();
    },
  });
  function close(): void {
    sessionStorage.removeItem(place);
    void host.close();
  }
}

/** Lets the service exchange the code, because it has the client's secret and keeps the tokens. */
async function finish(flow: ResumableFlow, response: CallbackResponse): Promise<void> {
  if (response.error !== undefined) throw Object.assign(new Error(response.error), { code: response.error });
  const { codeVerifier } = flow;
  try {
    const answer = await post('/exchange', { ...response.toDict(), codeVerifier });
    succeeded(await answer.text());
    flow.settle({ status: 'success' });
  } catch (error) {
    flow.settle({ status: 'failure', message: (error as Error).message });
    throw error;
  }
}

async function post(path: string, body: unknown): Promise<Response> {
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

function succeeded(user: string): void {
  show(`You are signed in as ${user}.`);
}

function failed(error: unknown): void {
  const { code = '', message } = error as Error & { code?: string };
  show(sentences[code] ?? `You are not signed in: ${message}`, { signIn: true });
}

function show(sentence: string, { signIn = false, waiting = false } = {}): void {
  byId('status').textContent = sentence;
  // Also for a user whose other tab is in front.
  document.title = sentence;
  signInButton.hidden = !signIn;
  cancelButton.hidden = byId('waiting').hidden = !waiting;
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}
