/** Servers that do not meet a requirement, each by one sentence of the source, and the check that must see it. */
import type { Edit } from './helpers/weakened.ts';

/** One weakened server. */
export interface Twin {
  /** The row whose check must reject it. */
  id: string;
  /** How that row's title begins, since several rows may have one id. */
  title: string;
  /** What the server does that it must not do. */
  weakness: string;
  edits: readonly Edit[];
  /** What the check's complaint must say: it has to fail for this weakness, and not for another reason. */
  complaint: RegExp;
}

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

export const twins: readonly Twin[] = [
  {
    id: 'A-01',
    title: 'refuses a query in which',
    weakness: 'takes the last of several values',
    edits: [
      edit(
        'redirect.ts',
        `if (given[index] !== undefined) reason = 'repeated_parameter';\n    else if`,
        'if',
      ),
    ],
    complaint: /code, two values: is answered 200/,
  },
  {
    id: 'A-01',
    title: 'refuses a form in which',
    weakness: 'lets the body win over the query',
    edits: [edit('handler.ts', `if (hasResponseParameter(query)) return`, 'if (false) return')],
    complaint: /code=good in the query of a form: is answered 200/,
  },
  {
    id: 'A-02',
    title: '',
    weakness: 'takes an empty state for one',
    edits: [
      edit(
        'redirect.ts',
        `if (!state) reason ??= 'missing_state'`,
        `if (state === undefined) reason ??= 'missing_state'`,
      ),
    ],
    complaint: /^Assertion: code=a&state=\n/,
  },
  {
    id: 'A-03',
    title: '',
    weakness: 'refuses parameters it does not know',
    edits: [
      edit(
        'redirect.ts',
        `if (index < 0) continue;`,
        `if (index < 0) reason = 'invalid_character';\n    if (index < 0) continue;`,
      ),
    ],
    complaint: /the real redirect is answered 400/,
  },
  {
    id: 'A-04',
    title: 'refuses a code over the cap',
    weakness: 'takes a code of any length',
    edits: [edit('redirect.ts', `value.length > longest`, 'value.length < 0')],
    complaint: /one more than the cap: is answered 200/,
  },
  {
    id: 'A-05',
    title: '',
    weakness: 'decodes twice',
    edits: [
      edit(
        'redirect.ts',
        `return decodeURIComponent(text.replaceAll('+', ' '))`,
        `return decodeURIComponent(decodeURIComponent(text.replaceAll('+', ' ')))`,
      ),
    ],
    complaint: /a%25252B.*: is answered 200/,
  },
  {
    id: 'A-06',
    title: 'refuses a state or a code with',
    weakness: 'takes any character in a state and a code',
    edits: [edit('redirect.ts', `const visible = /^[\\x20-\\x7e]*$/;`, 'const visible = /^[^]*$/;')],
    complaint: /code=%00: is answered 200/,
  },
  {
    id: 'A-06',
    title: 'lets states that are not UTF-8',
    weakness: 'replaces bytes that are not UTF-8',
    edits: [
      edit(
        'redirect.ts',
        `  } catch {\n    return undefined;`,
        `  } catch {\n    return new URLSearchParams('x=' + text).get('x') ?? '';`,
      ),
      edit('redirect.ts', `const visible = /^[\\x20-\\x7e]*$/;`, 'const visible = /^[^]*$/;'),
    ],
    complaint: /%FF: is answered 200/,
  },
  {
    id: 'A-07',
    title: "constrains a provider's texts",
    weakness: 'hands over the description as it is',
    edits: [
      edit('redirect.ts', `detach(error_description.replace(outsideErrorText, '?'))`, 'error_description'),
    ],
    complaint: /match `.*x5d-.*x7e\]\+\$\/` pattern/,
  },
  {
    id: 'A-07',
    title: 'drops an error_uri',
    weakness: 'hands over any error_uri',
    edits: [edit('redirect.ts', `if (error_uri && uri.test(error_uri))`, 'if (error_uri)')],
    complaint: /--https:\/\/as\.example\/a b/,
  },
  {
    id: 'A-08',
    title: '',
    weakness: 'releases the code beside the error',
    edits: [edit('redirect.ts', `if (code && !error) fields.code`, 'if (code) fields.code')],
    complaint: /--.*"code"/,
  },
  {
    id: 'A-09',
    title: '',
    weakness: 'accepts a state alone',
    edits: [edit('redirect.ts', `if (!code && !error) reason ??= 'missing_code';`, '')],
    complaint: /callback\?state=[\w-]+: is answered 200/,
  },
  {
    id: 'A-10',
    title: '',
    weakness: 'knows the codes of RFC 6749 only',
    edits: [
      edit(
        'redirect.ts',
        `fields.error = detach(error.replace(outsideErrorText, '?'));`,
        `fields.error = /^(access_denied|invalid_request|invalid_scope|server_error|temporarily_unavailable|unauthorized_client|unsupported_response_type)$/.test(error) ? error : 'server_error';`,
      ),
    ],
    complaint: /interaction_required/,
  },
  {
    id: 'A-11',
    title: 'refuses tokens of the front channel',
    weakness: 'ignores tokens of the front channel',
    edits: [edit('redirect.ts', `if (accessToken || idToken) reason ??= 'front_channel_token';`, '')],
    complaint: /\+\+ *front_channel_token/,
  },
  {
    id: 'A-12',
    title: '',
    weakness: 'ignores the query of its redirect URI',
    edits: [edit('handler.ts', `(callbackQuery && !retains(query, callbackQuery))`, 'false')],
    complaint: /env=2& for \/cb\?env=1: is answered 200/,
  },
  {
    id: 'B-01',
    title: 'makes states that differ',
    weakness: 'makes states of 8 bytes',
    edits: [edit('pkce.ts', 'bytes = 32', 'bytes = 8')],
    complaint: /a state is too short/,
  },
  {
    id: 'B-01',
    title: 'refuses a state of the caller',
    weakness: 'takes any state of the caller',
    edits: [edit('flows.ts', 'if (state !== undefined) requireStrong(state);', '')],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'B-02',
    title: 'refuses a thousand states',
    weakness: 'ends a flow for a redirect that nobody waits for',
    edits: [
      edit(
        'flows.ts',
        `if (!flow?.pending) return { disposition: this.#ended.get(state) ?? 'unmatched' };`,
        `if (!flow?.pending) {\n      this.#deadlines.values()[0]?.cancel();\n      return { disposition: this.#ended.get(state) ?? 'unmatched' };\n    }`,
      ),
    ],
    complaint: /: reaches the flow/,
  },
  {
    id: 'B-02',
    title: 'matches no state that only resembles',
    weakness: 'compares states without their case',
    edits: [
      edit(
        'flows.ts',
        `    const { state = '' } = fields;\n    const flow = this.#live.get(state);`,
        `    const { state = '' } = fields;\n    const flow = this.#deadlines.values().find((each) => each.state.toLowerCase() === state.toLowerCase());`,
      ),
    ],
    complaint: /ab3-.*: is answered 200/,
  },
  {
    id: 'B-03',
    title: '',
    weakness: 'gives an error without state to the only flow there is',
    edits: [
      edit(
        'handler.ts',
        `fields.error !== undefined &&\n      options.errorWithoutState === 'end-only-flow';`,
        'fields.error !== undefined;',
      ),
    ],
    complaint: /error=access_denied: is accepted/,
  },
  {
    id: 'B-04',
    title: 'uses a state up with the first',
    weakness: 'accepts a state as often as it comes',
    edits: [
      edit('flows.ts', `if (!flow?.pending) return {`, `if (!flow) return {`),
      edit('flows.ts', `if (flow.tell()) this.taken(flow);`, `flow.tell();`),
    ],
    complaint: /code=one/,
  },
  {
    id: 'B-05',
    title: '',
    weakness: 'looks whether a state is used up some time before it uses it up',
    edits: [
      edit('flows.ts', `if (!flow?.pending) return {`, `if (!flow) return {`),
      edit(
        'flows.ts',
        `if (flow.tell()) this.taken(flow);`,
        `if (flow.tell()) setTimeout(() => this.taken(flow), 100);`,
      ),
    ],
    complaint: /\+\+1 .*\n--\d/,
  },
  {
    id: 'B-06',
    title: 'ends a flow after ten minutes',
    weakness: 'lets no flow expire',
    edits: [edit('flows.ts', `(flow) => this.#end(flow, { type: 'expired' })`, '() => undefined')],
    complaint: /\+\+1 .*\n--0/,
  },
  {
    id: 'B-06',
    title: 'refuses a redirect that is late',
    weakness: 'goes by the timer alone',
    edits: [edit('flows.ts', 'flow.deadline <= this.now()', 'flow.deadline < 0')],
    complaint: /at its deadline: is answered 200/,
  },
  {
    id: 'B-07',
    title: '',
    weakness: 'tells in the state which program begins',
    edits: [
      edit(
        'flows.ts',
        'this.#add(randomToken(),',
        "this.#add(Buffer.from(JSON.stringify({ path: process.cwd(), random: randomToken() })).toString('base64url'),",
      ),
    ],
    complaint: /Expected value to be falsey/,
  },
  {
    id: 'B-08',
    title: 'shows and tells nothing',
    weakness: 'shows an error before the state is checked',
    edits: [
      edit(
        'handler.ts',
        `      answer: reason === 'missing_code' ? pages.nothing(language) : pages.neutral(400, language),`,
        `      answer: fields.error === undefined ? pages.neutral(400, language) : pages.denied(new CallbackResponse(fields), language),`,
      ),
    ],
    complaint: /not answered with the neutral page/,
  },
  {
    id: 'B-09',
    title: '',
    weakness: 'lets a second flow take the place of the first',
    edits: [
      edit(
        'flows.ts',
        `if (this.#live.get(state)) throw new StateInUseError('another pending flow has this state');`,
        '',
      ),
    ],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'B-10',
    title: 'keeps an early redirect',
    weakness: 'drops a response that nobody is subscribed for',
    edits: [
      edit(
        'flows.ts',
        `if (flow.tell()) this.taken(flow);`,
        `if (!flow.tell()) flow.mark({ type: 'expired' });\n    this.taken(flow);`,
      ),
    ],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'B-11',
    title: '',
    weakness: 'puts the response into the event',
    edits: [
      edit(
        'server.ts',
        `flow: redirect.flow, reason });`,
        'flow: redirect.flow, reason, ...response.toDict() });',
      ),
    ],
    complaint: /Expected value not to include/,
  },
  {
    id: 'B-12',
    title: 'makes a fresh S256 verifier',
    weakness: 'sends the verifier itself as the challenge',
    edits: [
      edit(
        'flow.ts',
        'code_challenge: codeChallenge(this.codeVerifier)',
        'code_challenge: this.codeVerifier',
      ),
    ],
    complaint: /strictly equal/,
  },
  {
    id: 'B-12',
    title: 'lets no parameter weaken',
    weakness: 'lets a parameter replace what the flow sets',
    edits: [
      edit(
        'authorization-url.ts',
        `    if (given !== value)\n      throw new InvalidOptionError(name, 'is set by the flow; leave it out of the parameters');\n    url.searchParams.set(name, value);`,
        `    url.searchParams.set(name, String(given));`,
      ),
    ],
    complaint: /Expected function to throw/,
  },
  {
    id: 'B-13',
    title: '',
    weakness: 'gives a response to every flow that waits',
    edits: [
      edit(
        'flows.ts',
        `    flow.ended = response;`,
        `    for (const each of this.#deadlines.values()) if (each.pending && each !== flow) {\n      each.ended = response;\n      each.tell();\n    }\n    flow.ended = response;`,
      ),
    ],
    complaint: /--··"completed":·true/,
  },
  {
    id: 'C-01',
    title: 'keeps the issuer with each flow',
    weakness: 'takes any issuer that is configured',
    edits: [
      edit('expectation.ts', `return issuers.includes(iss) && (`, `return iss.startsWith('https://') && (`),
    ],
    complaint: /https:\/\/other\.example: is answered 200/,
  },
  {
    id: 'C-02',
    title: '',
    weakness: 'checks the issuer of a code only',
    edits: [
      edit(
        'flows.ts',
        `mismatch(flow.expectation, arrival, fields.iss)`,
        `mismatch(fields.error ? { ...flow.expectation, issuer: undefined } : flow.expectation, arrival, fields.iss)`,
      ),
    ],
    complaint: /error=access_denied.*iss=https%3A%2F%2Fevil\.example: is accepted/,
  },
  {
    id: 'C-03',
    title: '',
    weakness: 'normalises issuers before it compares them',
    edits: [
      edit(
        'expectation.ts',
        `return issuers.includes(iss) && (`,
        `return issuers.some((each) => new URL(each).href === new URL(iss).href) && (`,
      ),
    ],
    complaint: /https:\/\/as\.example\/: is answered 200/,
  },
  {
    id: 'C-04',
    title: 'refuses a response without iss',
    weakness: 'takes a missing iss for the right one',
    edits: [edit('expectation.ts', 'return !advertised && !required;', 'return true;')],
    complaint: /code=\w+&state=[\w-]+: is answered 200/,
  },
  {
    id: 'C-05',
    title: '',
    weakness: 'compares only an issuer that is advertised',
    edits: [
      edit(
        'expectation.ts',
        `return issuers.includes(iss) && (advertised || unadvertised === 'compare');`,
        `return !advertised || issuers.includes(iss);`,
      ),
    ],
    complaint: /iss=https:\/\/evil\.example: is answered 200/,
  },
  {
    id: 'C-06',
    title: '',
    weakness: 'takes one issuer for two',
    edits: [edit('options.ts', 'if (twice !== undefined)', 'if (false)')],
    complaint: /Expected function to throw/,
  },
  {
    id: 'C-08',
    title: 'takes a response on exactly the redirect URI',
    weakness: 'forgives a slash and the case of the path',
    edits: [
      edit(
        'request.ts',
        `const mark = rest.indexOf('?');`,
        `rest = rest.replace(/^[^?]*/, (path) => path.toLowerCase().replace(/\\/$/, ''));\n  const mark = rest.indexOf('?');`,
      ),
    ],
    complaint: /\/cb\/a\/: is answered 200/,
  },
  {
    id: 'C-08',
    title: 'takes a response on exactly the host and port',
    weakness: 'takes a response on any address of its own',
    edits: [edit('handler.ts', '!options.isAdvertised(authority)', 'false')],
    complaint: /Host \[::1\]:\d+: is answered 200/,
  },
  {
    id: 'C-09',
    title: 'gives each context',
    weakness: "takes a state on another context's redirect URI",
    edits: [edit('expectation.ts', `if (arrival.path !== expected.path) return 'wrong_redirect_uri';`, '')],
    complaint: /\/cb\/tool-b.*: is answered 200/,
  },
  {
    id: 'C-11',
    title: '',
    weakness: 'ignores a JARM response',
    edits: [edit('redirect.ts', `if (response) reason ??= 'jarm_not_supported';`, '')],
    complaint: /all is well/,
  },
  {
    id: 'D-01',
    title: '',
    weakness: 'takes HEAD for GET',
    edits: [
      edit('handler.ts', `request.method !== 'GET' && !(`, `!['GET', 'HEAD'].includes(request.method) && !(`),
    ],
    complaint: /HEAD over HTTP\/1\.1 is answered 200/,
  },
  {
    id: 'D-02',
    title: 'answers 415',
    weakness: 'reads any body as a form',
    edits: [edit('handler.ts', `if (!isForm(headers)) return`, 'if (false) return')],
    complaint: /type "application\/json": is answered/,
  },
  {
    id: 'D-03',
    title: 'refuses a response in another mode',
    weakness: 'takes a response in either mode',
    edits: [
      edit('expectation.ts', `if (arrival.mode !== expected.responseMode) return 'wrong_response_mode';`, ''),
    ],
    complaint: /a form to a query flow: is answered 200/,
  },
  {
    id: 'D-03',
    title: 'refuses parameters split',
    weakness: 'reads query and body as one',
    edits: [
      edit('handler.ts', `if (hasResponseParameter(query)) return`, 'if (false) return'),
      edit('handler.ts', `posted ? (body ?? '') : query`, 'posted ? `${query}&${body ?? ""}` : query'),
    ],
    complaint: /query "state=.*", body "code=the-code": is answered 200/,
  },
  {
    id: 'D-04',
    title: '',
    weakness: 'does not say which methods it allows',
    edits: [
      edit(
        'handler.ts',
        `pages.neutral(405, language, 'Allow', takesForms ? 'GET, POST' : 'GET')`,
        'pages.neutral(405, language)',
      ),
    ],
    complaint: /PUT: Allow/,
  },
  {
    id: 'D-05',
    title: '',
    weakness: 'lets every site read its answers',
    edits: [
      edit('page.ts', `    'nosniff',`, `    'nosniff',\n    'Access-Control-Allow-Origin',\n    '*',`),
    ],
    complaint: /allows access-control-allow-origin/,
  },
  {
    id: 'E-02',
    title: 'holds both families',
    weakness: 'advertises localhost while it holds one family',
    edits: [edit('listener.ts', `host === undefined && port !== 0`, `true`)],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'E-04',
    title: 'names a fixed port that is busy',
    weakness: 'takes another port where the given one is busy',
    edits: [
      edit(
        'listener.ts',
        `  const port = ports.at(-1) as number;`,
        `  return bindAll(http, placesOf(host, 0), 0);\n  const port = ports.at(-1) as number;`,
      ),
    ],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'E-07',
    title: 'tells a consumer of a timeout',
    weakness: 'ends every flow with the one that is cancelled',
    edits: [
      edit(
        'flows.ts',
        `    this.remember(flow.state, 'late');\n    this.#remove(flow, ending);`,
        '    for (const each of [...this.#deadlines.values()]) this.#remove(each, ending);',
      ),
    ],
    complaint: /instance of `FlowExpiredError`/,
  },
  {
    id: 'E-08',
    title: '',
    weakness: 'listens anywhere',
    edits: [edit('options.ts', 'host !== undefined && !isLoopback(host) &&', 'false &&')],
    complaint: /Expected function to throw/,
  },
  {
    id: 'F-01',
    title: 'answers to its own authorities only',
    weakness: 'goes by every name',
    edits: [
      edit('server.ts', 'this.#bound?.authorities.includes(authority) ?? false', 'true'),
      edit('server.ts', 'this.#bound?.advertised.includes(authority) ?? false', 'true'),
    ],
    complaint: /Host: evil\.example: is answered 200/,
  },
  {
    id: 'F-02',
    title: '',
    weakness: 'goes by the last of several hosts',
    edits: [
      edit(
        'handler.ts',
        `headers[field.host]?.toLowerCase() ?? '';`,
        `headers[field.host]?.toLowerCase().replace(/,.*/, '') ?? '';`,
      ),
    ],
    complaint: /the same twice, .*: is answered 200/,
  },
  {
    id: 'F-03',
    title: '',
    weakness: 'judges an absolute-form target by its Host',
    edits: [edit('request.ts', `authority = host.toLowerCase();`, '')],
    complaint: /http:\/\/evil\.example\/callback.*: is answered 200/,
  },
  {
    id: 'F-04',
    title: '',
    weakness: 'says in its log what it could not read',
    edits: [
      edit(
        'request.ts',
        `if (start === undefined) return undefined;`,
        `if (start === undefined) {\n      console.error(target);\n      return undefined;\n    }`,
      ),
    ],
    complaint: /code=CANARY-of-a-code/,
  },
  {
    id: 'F-05',
    title: 'accepts a top-level navigation',
    weakness: 'does not look at fetch metadata',
    edits: [
      edit(
        'request.ts',
        `return dest === 'document' && headers[field.mode] === 'navigate' ? undefined : 'not_navigation';`,
        'return undefined;',
      ),
    ],
    complaint: /\+\+403 .*\n--200/,
  },
  {
    id: 'F-06',
    title: '',
    weakness: 'serves a prefetch',
    edits: [
      edit(
        'request.ts',
        `if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch';`,
        '',
      ),
    ],
    complaint: /'Sec-Purpose': 'prefetch' }: is answered 200/,
  },
  {
    id: 'F-07',
    title: '',
    weakness: 'takes a GET with any Origin',
    edits: [edit('handler.ts', 'if (headers[field.origin] !== undefined && !posted)', 'if (false)')],
    complaint: /Origin: https:\/\/evil\.example: is answered 200/,
  },
  {
    id: 'F-08',
    title: 'lets probes',
    weakness: 'takes every path for the callback',
    edits: [edit('handler.ts', 'if (path === callbackPath) return true;', 'return true;')],
    complaint: /\/favicon\.ico is answered/,
  },
  {
    id: 'F-09',
    title: 'refuses a request with too many headers',
    weakness: 'drops headers over the limit in silence',
    edits: [
      edit('binding.ts', 'server.maxHeadersCount = 0;', 'server.maxHeadersCount = limits.headers / 2;'),
    ],
    complaint: /300 headers: is answered 200/,
  },
  {
    id: 'F-10',
    title: 'refuses a body over its limit',
    weakness: 'cuts a body at its limit',
    edits: [
      edit('body.ts', 'else resolve(undefined);', "else resolve(Buffer.concat(chunks).toString('latin1'));"),
    ],
    complaint: /a byte too many: is answered 200/,
  },
  {
    id: 'F-12',
    title: 'keeps 512 connections',
    weakness: 'turns connections away once it has enough',
    edits: [
      edit(
        'connections.ts',
        'if (this.#sockets.size >= most) this.#dispensable(most / 2)?.destroy();',
        'if (this.#sockets.size >= most) return void socket.destroy();',
      ),
    ],
    complaint: /the real redirect is answered 0/,
  },
  {
    id: 'F-13',
    title: 'refuses ambiguous framing',
    weakness: 'has the lenient parser',
    edits: [edit('binding.ts', 'insecureHTTPParser: false', 'insecureHTTPParser: true')],
    complaint: /CL and TE: what follows is handled/,
  },
  {
    id: 'F-14',
    title: '',
    weakness: 'slows nobody down',
    edits: [edit('strays.ts', 'return refilled < 1;', 'return false;')],
    complaint: /stray 2000 is answered 400/,
  },
  {
    id: 'F-14',
    title: '',
    weakness: 'slows down the redirect that is waited for as well',
    edits: [
      edit(
        'endpoint.ts',
        `if (disposition !== 'unmatched' && disposition !== 'duplicate' && disposition !== 'late') return handled;`,
        '',
      ),
    ],
    complaint: /stray 1999 is answered 429/,
  },
  {
    id: 'F-15',
    title: '',
    weakness: 'believes X-Forwarded-Host',
    edits: [
      edit(
        'handler.ts',
        `headers[field.host]?.toLowerCase() ?? '';`,
        `(request.rawHeaders[request.rawHeaders.findIndex((name) => /^x-forwarded-host$/i.test(name)) + 1 || -1] ?? headers[field.host] ?? '').toLowerCase();`,
      ),
    ],
    complaint: /a foreign Host: is answered 303/,
  },
  {
    id: 'G-01',
    title: '',
    weakness: 'lets answers be stored',
    edits: [edit('page.ts', `    'no-store',`, `    'no-cache',`)],
    complaint: /400, an unknown state/,
  },
  {
    id: 'G-02',
    title: '',
    weakness: 'lets the next site know its origin',
    edits: [edit('page.ts', `    'no-referrer',`, `    'origin',`)],
    complaint: /400, an unknown state/,
  },
  {
    id: 'G-04',
    title: "gets the code out of the address bar by the page's",
    weakness: 'leaves the code in the address bar',
    edits: [edit('pages.ts', `cleanUrl === 'script' ? cleanUrlElement : ''`, `''`)],
    complaint: /\+\+··"history\.replaceState/,
  },
  {
    id: 'G-05',
    title: '',
    weakness: 'lets itself be framed',
    edits: [edit('page.ts', `, "frame-ancestors 'none'"`, '')],
    complaint: /frame-ancestors of/,
  },
  {
    id: 'G-08',
    title: 'shows the description of an accepted error',
    weakness: 'shows the description as HTML',
    edits: [
      edit(
        'page.ts',
        `return text.replace('{}', () => escapeHtml(value));`,
        `return text.replace('{}', () => value);`,
      ),
    ],
    complaint: /<svg onload=alert\(1\)> stays text/,
  },
  {
    id: 'G-09',
    title: '',
    weakness: 'links error_uri',
    edits: [
      edit(
        'pages.ts',
        `detail: error === 'access_denied' ? denied : fill(failed, error_description ?? error ?? ''),`,
        "detail: (error === 'access_denied' ? denied : fill(failed, error_description ?? error ?? '')) + `<a href=\"${escapeHtml(response.error_uri ?? '')}\">?</a>`,",
      ),
    ],
    complaint: /Expected value to be falsey/,
  },
  {
    id: 'G-11',
    title: '',
    weakness: 'redirects with 307',
    edits: [edit('pages.ts', `this.#empty(303, 'Location'`, `this.#empty(307, 'Location'`)],
    complaint: /\+\+303 .*\n--307/,
  },
  {
    id: 'G-13',
    title: 'answers used, unknown',
    weakness: 'tells a used state from an unknown one',
    edits: [
      edit(
        'handler.ts',
        `      answer: reason === 'missing_code' ? pages.nothing(language) : pages.neutral(400, language),`,
        `      answer: pages.neutral(disposition === 'duplicate' ? 409 : 400, language),`,
      ),
    ],
    complaint: /^Assertion: used/,
  },
  {
    id: 'H-02',
    title: 'prints responses',
    weakness: 'prints a response as it is',
    edits: [
      edit(
        'callback-response.ts',
        `  toJSON(): CallbackFields {\n    return redact(this.toDict());`,
        `  toJSON(): CallbackFields {\n    return this.toDict();`,
      ),
    ],
    complaint: /JSON\.stringify of response shows the code/,
  },
  {
    id: 'H-02',
    title: 'prints errors',
    weakness: 'keeps the state in the error',
    edits: [
      edit(
        'flow.ts',
        `observer.error('type' in ending ? errorOf(ending) : ending);`,
        `observer.error(Object.assign('type' in ending ? errorOf(ending) : ending, { state: this.state }));`,
      ),
    ],
    complaint: /of cancelled shows the state/,
  },
  {
    id: 'H-04',
    title: 'refuses a flow too many',
    weakness: 'drops the oldest flow for a new one',
    edits: [
      edit(
        'flows.ts',
        'throw new TooManyFlowsError(`maxFlows (${this.#options.maxFlows}) flows are pending`);',
        '[...this.#deadlines.values()][0]?.cancel();',
      ),
    ],
    complaint: /Expected promise to reject/,
  },
  {
    id: 'I-02',
    title: 'settles what waits',
    weakness: 'leaves its flows waiting when it closes',
    edits: [edit('server.ts', '    this.#flows.close();\n', '')],
    complaint: /\+\+····"closed"/,
  },
  {
    id: 'I-03',
    title: 'can be closed',
    weakness: 'can be closed but once',
    edits: [
      edit(
        'server.ts',
        `  async #stop(): Promise<void> {\n`,
        `  async #stop(): Promise<void> {\n    if (!this.#binding) throw new NotListeningError('close() needs a running server');\n`,
      ),
    ],
    complaint: /NotListeningError: close\(\) needs a running server/,
  },
];
