import { CallbackResponse } from './callback-response.ts';
import { describeError } from './errors.ts';
import type { PendingFlow } from './flow.ts';
import type { Flows } from './flows.ts';
import { createCallbackHtml, escapeHtml, pageHeaders, renderPage } from './page.ts';
import { outline, readResponse, Redirect, type ReadResponse } from './redirect.ts';
import { isAuthority, readHeaders, readTarget, speculative, type CallbackRequest } from './request.ts';

export interface HandlerOptions {
  callbackPath: string;
  title: string;
  serverUrl?: string | undefined;
  flows: Flows;
  /** Whether this server goes by that `Host`. */
  isOurs: (authority: string) => boolean;
  /** Accepts a response that no flow waits for. */
  acceptsUnmatched: (response: ReadResponse) => boolean;
  /** Proves to a self-probe that it has reached this very server. */
  prove: (nonce: string) => string;
}

/** What goes back to the browser. */
export interface Answer {
  status: number;
  /** Names and values in turn. */
  headers: string[];
  body: Buffer;
}

/** What a request comes to: an answer and, where it reached the callback path as a redirect, that redirect. */
export interface Handled {
  answer: Answer;
  redirect?: Redirect;
  /** The flow to deliver an accepted redirect to. */
  flow?: PendingFlow;
}

/** Characters of a single parameter; longer ones are refused, never cut. */
const longestParameter = 8_192;

/** A request in; an answer, and maybe a redirect, out. Knows no socket. */
export function createHandler(options: HandlerOptions): (request: CallbackRequest) => Handled {
  const { callbackPath, flows } = options;
  const title = escapeHtml(options.title);
  const success = answer(200, createCallbackHtml('', true, options.title, options.serverUrl));
  const neutralPage = renderPage({
    kind: 'neutral',
    title,
    headline: 'This sign-in link is not active',
    message: 'If you have just signed in, all is well.',
    detail: undefined,
    note: 'You can safely close this tab now, or start again from the app.',
  });
  const neutral = answer(400, neutralPage);
  const wrongHost = answer(421, neutralPage);
  const notNavigation = answer(403, neutralPage);
  const speculation = answer(503, neutralPage);
  const notFound = answer(404, plainPage(title, 'Not found'));
  const wrongMethod = answer(405, plainPage(title, 'Method not allowed'), ['Allow', 'GET']);
  const badRequest = answer(400, plainPage(title, 'Bad request'));

  function refuse(
    reply: Answer,
    redirect: Omit<Redirect, 'response' | 'at'>,
    fields: ReadResponse['fields'],
  ): Handled {
    const { disposition, flow, reason } = redirect;
    return {
      answer: reply,
      redirect: new Redirect(disposition, outline(fields), Math.trunc(flows.now()), flow, reason),
    };
  }

  return ({ method, target, rawHeaders }) => {
    const headers = readHeaders(rawHeaders);
    const asked = readTarget(target);
    if (!asked || headers.hosts !== 1 || !isAuthority(headers.host)) return { answer: badRequest };
    const known = options.isOurs(asked.authority ?? headers.host);
    if (known && headers.probe !== undefined) return { answer: probed(options.prove(headers.probe)) };
    if (asked.path !== callbackPath) return { answer: known ? notFound : wrongHost };
    if (method !== 'GET') return { answer: wrongMethod };

    const response = readResponse(asked.query, longestParameter);
    const { fields } = response;
    if (!known) return refuse(wrongHost, { disposition: 'refused', reason: 'wrong_host' }, fields);
    if (headers.origin !== undefined)
      return refuse(notNavigation, { disposition: 'refused', reason: 'foreign_origin' }, fields);
    const reason = speculative(headers);
    if (reason)
      return refuse(
        reason === 'prefetch' ? speculation : notNavigation,
        { disposition: 'refused', reason },
        fields,
      );

    if (response.reason && !options.acceptsUnmatched(response)) {
      return refuse(neutral, { disposition: 'malformed', reason: response.reason }, fields);
    }
    const match = flows.match(fields.state ?? '');
    if (match.disposition !== 'accepted') {
      if (match.disposition !== 'unmatched' || !options.acceptsUnmatched(response)) {
        return refuse(neutral, match, fields);
      }
      if (fields.state) flows.remember(fields.state, 'duplicate');
    }
    const accepted = new CallbackResponse(fields);
    const flow = match.disposition === 'accepted' ? match.flow : undefined;
    return {
      answer: fields.error ? failure(accepted) : success,
      redirect: new Redirect('accepted', accepted, Math.trunc(flows.now()), flow?.id),
      ...(flow && { flow }),
    };
  };

  function failure(response: CallbackResponse): Answer {
    return answer(400, createCallbackHtml(describeError(response), false, options.title));
  }
}

function plainPage(title: string, headline: string): string {
  return renderPage({ kind: 'neutral', title, headline, message: undefined, detail: undefined, note: '' });
}

function answer(status: number, html: string, extra: readonly string[] = []): Answer {
  const body = Buffer.from(html);
  return { status, headers: [...pageHeaders.flat(), 'Content-Length', String(body.length), ...extra], body };
}

function probed(proof: string): Answer {
  return {
    status: 204,
    headers: ['Cache-Control', 'no-store', 'Rx-OAuth-Callback-Probe', proof],
    body: Buffer.alloc(0),
  };
}
