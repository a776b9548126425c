import { STATUS_CODES } from 'node:http';
import type { CallbackResponse } from '../model/callback-response.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import {
  cleanUrlElement,
  escapeHtml,
  fill,
  formElement,
  renderPage,
  titleOf,
  type PageView,
} from './page.ts';
import { printable } from '../base/printable.ts';
import { answerHeaders, hash, pageHeaders } from './security-headers.ts';
import { probeHeader } from '../model/probe-header.ts';
import type { Content, PageKind } from './kinds.ts';
import { randomToken } from '../base/random.ts';
import type { Answer, Streamed } from './answer.ts';
import type { Language, OwnTexts, Texts } from './texts.ts';
import { typeOf } from '../base/validate.ts';

/** Options of the pages. */
export interface PagesOptions {
  /** Name that follows the outcome in the titles. @default productName */
  title?: string | undefined;
  serverUrl?: string | undefined;
  productName?: string | undefined;
  logo?: string | undefined;
  /** Language of the pages; `auto` chooses by the header `Accept-Language`. */
  language: Language | 'auto';
  /** Own sentences, as plain text. */
  texts?: OwnTexts | undefined;
  /** Headers of every page, such as `Strict-Transport-Security`; names and values alternately. */
  extraHeaders: readonly string[];
  render?: ((view: PageView) => string) | undefined;
  /** Called when `render` fails; the browser then gets the default page. */
  report: (error: unknown) => void;
}

/** Page of a fixed text after a redirect was consumed. */
export type FinishedKind =
  'received' | 'succeeded' | 'undecided' | 'cancelled' | 'notSignedIn' | 'denied' | 'failed';

/** Properties of a page that differ from those of its kind. */
interface Manner {
  readonly status?: number;
  readonly retryAfter?: number;
  /** Texts of a provider or app, which replace those of the kind. */
  readonly said?: Partial<Content>;
  /** Server that the flow of the page connects to. */
  readonly serverUrl?: string;
  /** Query of the page's clean URL, if a script is to write it into the address bar. */
  readonly cleanQuery?: string | undefined;
  /** Further headers, names and values alternately. */
  readonly extra?: readonly string[];
  /** Values for the places `{}` of the texts, in turn. */
  readonly filled?: readonly string[];
}

// A user who is to wait, or to do something, must not be told to close the page.
const staysOpen: ReadonlySet<string> = new Set(['finishing', 'typeCode', 'consent']);

// Cached Accept-Language headers. Browsers send few different ones; the limit bounds the memory that a peer can use.
const mostHeaders = 200;

/** What `words.ts` has. */
export type Words = typeof import('./words.ts');

/** Creates the answers of the callback path. Answers that do not depend on the request are built once per language. */
export class Pages {
  readonly #options: PagesOptions;
  #made: Record<string, Partial<Record<Language, Answer>>> = {};
  readonly #languages = new Map<string, Language>();
  #words: Words | undefined;

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /** Chooses the language for an `Accept-Language` header. */
  languageFor(header: string | undefined): Language {
    const { language } = this.#options;
    if (language !== 'auto') return language;
    if (header === undefined || !this.#words) return 'en';
    let chosen = this.#languages.get(header);
    if (chosen === undefined) {
      chosen = this.#words.chooseLanguage(header);
      if (this.#languages.size >= mostHeaders) this.#languages.clear();
      this.#languages.set(header, chosen);
    }
    return chosen;
  }

  /** Sets the sentences of the pages. Until this is called, answers have none. */
  learn(words: Words): void {
    this.#words = words;
    this.#made = {};
  }

  /**
   * Returns the page of a consumed redirect: an accepted response, or the outcome of its sign-in.
   *
   * @param cleanQuery Query that a script writes into the address bar instead of the code. The caller keeps such a page.
   */
  finished(kind: FinishedKind, language: Language, cleanQuery?: string): Answer {
    return cleanQuery === undefined
      ? this.#once(kind, language, kind)
      : this.#make(kind, language, { cleanQuery });
  }

  /** Returns the page of a success, which names the server of its flow. */
  connected(
    kind: 'received' | 'succeeded',
    serverUrl: string,
    language: Language,
    cleanQuery?: string,
  ): Answer {
    return this.#make(kind, language, { cleanQuery, serverUrl });
  }

  /** Returns the page for an accepted response with `error`, with what the authorization server says about it. */
  denied(
    kind: 'denied' | 'notSignedIn',
    { error, error_description, error_uri }: CallbackResponse,
    language: Language,
    cleanQuery?: string,
  ): Answer {
    const said = {
      detail: error_description && escapeHtml(error_description),
      error: error && escapeHtml(error),
      // Others, such as `javascript:`, are of no use to a user who copies them.
      errorUri: error_uri && /^https?:/i.test(error_uri) ? escapeHtml(error_uri) : undefined,
    };
    return this.#make(kind, language, { cleanQuery, said });
  }

  /** Returns the page for the outcome `failure`. */
  failed(message: string, language: Language, cleanQuery?: string): Answer {
    const said = { message: undefined, detail: escapeHtml(message) };
    return this.#make('failed', language, { cleanQuery, said });
  }

  /** Returns the beginning of a page whose sign-in has no outcome yet; undefined if this server has not been started. */
  streamed(language: Language, cleanQuery?: string): Streamed | undefined {
    const first = this.#make('finishing', language, { cleanQuery });
    return this.#words?.streamed(first, { nonce: randomToken(12), hash });
  }

  /** Returns the page for requests that are not accepted. It is the same for every reason, so that it discloses nothing. */
  neutral(status: number, language: Language, ...extra: string[]): Answer {
    return this.#once(['neutral', status, ...extra].join(' '), language, 'neutral', { status, extra });
  }

  /** Returns the neutral page for a request that may be sent again after some seconds. */
  later(status: number, language: Language, retryAfter: number): Answer {
    return this.#once(`later ${status}`, language, 'neutral', { status, retryAfter });
  }

  /**
   * Returns another page of fixed texts: for a request without parameters, whose response may be in the fragment, which
   * browsers do not send; for a request with more header bytes than the server takes, mostly because of cookies; for a
   * redirect that arrives while the store cannot be reached; for a browser in which the sign-in was not started.
   */
  other(kind: 'nothing' | 'headTooLarge' | 'unavailable' | 'otherBrowser', language: Language): Answer {
    return this.#once(kind, language, kind);
  }

  /** Returns the page with the code that the user types into the program. */
  code(code: string, language: Language, cleanQuery?: string): Answer {
    return this.#make('typeCode', language, { cleanQuery, said: { detail: escapeHtml(code) } });
  }

  /**
   * Returns the page that asks the user before a sign-in starts, with a form that continues.
   *
   * @param program Name of the program that has begun it. @default the product name
   * @param host Host of the authorization server.
   */
  consent(program: string | undefined, host: string, language: Language): Answer {
    const { productName, title = 'rx-oauth-callback' } = this.#options;
    // A name may come from a JWT, and a format character could reorder the host behind it.
    const name = program === undefined ? (productName ?? title) : printable(program);
    return this.#make('consent', language, { filled: [name, host] });
  }

  /** Redirects with 303, so that browsers follow a `form_post` with a GET without body. @see RFC 9700 section 4.12 */
  redirect(location: string, ...headers: string[]): Answer {
    return this.#empty(303, 'Location', location, ...headers);
  }

  /** Answers a self-probe with its proof. */
  probed(proof: string): Answer {
    return this.#empty(204, probeHeader, proof);
  }

  /** Returns an answer of a few words for requests that have nothing to do with a sign-in, such as for `/robots.txt`. */
  plain(status: number): Answer {
    const body = Buffer.from(`${STATUS_CODES[status] ?? status}\n`);
    const headers = answerHeaders('text/plain; charset=utf-8', []);
    return {
      status,
      headers: [...headers, 'Content-Length', String(body.length), ...this.#options.extraHeaders],
      body,
    };
  }

  #empty(status: number, ...headers: string[]): Answer {
    return {
      status,
      headers: [...pageHeaders(''), ...this.#options.extraHeaders, ...headers],
      body: Buffer.alloc(0),
    };
  }

  #once(name: string, language: Language, kind: keyof Words['kinds'], manner?: Manner): Answer {
    const inLanguages = (this.#made[name] ??= {});
    return (inLanguages[language] ??= this.#make(kind, language, manner));
  }

  #make(kind: keyof Words['kinds'], language: Language, manner: Manner = {}): Answer {
    const { title, productName, logo, extraHeaders } = this.#options;
    const { serverUrl = this.#options.serverUrl } = manner;
    const usual: PageKind | undefined = this.#words?.kinds[kind];
    const translation = this.#words?.translations[language];
    // A node of another version may have signed a clean URL of a kind or language that is unknown here.
    if (!usual || !translation) return this.plain(manner.status ?? 503);
    const { status = usual.status, retryAfter = usual.retryAfter, cleanQuery, said, extra = [] } = manner;
    const texts = { ...translation.texts };
    for (const [name, text] of Object.entries(this.#options.texts?.[language] ?? {}))
      if (text !== undefined) texts[name as keyof Texts] = escapeHtml(text);
    if (manner.filled) texts.consent = fill(texts.consent, ...manner.filled);
    const shown = { ...usual.content(texts, serverUrl && fill(texts.connected, serverUrl)), ...said };
    const view: PageView = {
      ...shown,
      language,
      direction: translation.direction ?? 'ltr',
      title: titleOf(shown.headline, title ?? productName),
      productName: productName && escapeHtml(productName),
      logo: logo && escapeHtml(logo),
      // A user who is to reload the page must not be told to close it either.
      note: retryAfter === undefined && !staysOpen.has(kind) ? texts.close : '',
    };
    const html = this.#render(view, cleanQuery ? cleanUrlElement(cleanQuery) : '');
    const body = Buffer.from(html);
    const retry = retryAfter === undefined ? [] : ['Retry-After', String(retryAfter)];
    return {
      status,
      headers: [
        ...pageHeaders(html, view.action !== undefined),
        'Content-Length',
        String(body.length),
        ...extraHeaders,
        ...extra,
        ...retry,
      ],
      body,
    };
  }

  #render(view: PageView, script: string): string {
    const { render, report } = this.#options;
    if (!render) return renderPage(view, script);
    try {
      const own: unknown = render(view);
      if (typeof own === 'string') return own + formElement(view.action) + script;
      // An async `render` may reject, and an unhandled rejection would end the process.
      if (own instanceof Promise) own.catch(report);
      throw new InvalidOptionError('render', `must return a string; got ${typeOf(own)}`);
    } catch (error) {
      report(error);
    }
    return renderPage(view, script);
  }
}
