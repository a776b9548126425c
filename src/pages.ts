import type { CallbackResponse } from './callback-response.ts';
import { InvalidOptionError } from './errors.ts';
import { cleanUrlElement, escapeHtml, fill, pageHeaders, renderPage, type PageView } from './page.ts';
import { probeHeader } from './probe.ts';
import { chooseLanguage, english, type Language, type Texts } from './texts.ts';

/** What goes back to the browser. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer;
}

/** How the pages look and speak. */
export interface PagesOptions {
  title: string;
  serverUrl?: string | undefined;
  productName?: string | undefined;
  logo?: string | undefined;
  /** `auto` asks the browser. */
  language: Language | 'auto';
  cleanUrl: 'script' | 'redirect' | false;
  /** Sent with every page: `Strict-Transport-Security`, where it is due. */
  extraHeaders: readonly string[];
  render?: ((view: PageView) => string) | undefined;
  /** Told when `render` fails; the page is then the default one. */
  report: (error: unknown) => void;
}

type Said = Pick<PageView, 'kind' | 'headline' | 'message' | 'detail'>;

/** @param connected Which server the app is now connected to. */
type Say = (texts: Texts, connected?: string) => Said;

// Not where they are asked for: a function would be made for each redirect.
const says = {
  received: ({ success, received }, detail) => ({
    kind: 'success',
    headline: success,
    message: received,
    detail,
  }),
  succeeded: ({ success }, detail) => ({ kind: 'success', headline: success, detail }),
  undecided: ({ waiting, waitingHint }) => neutralSaid(waiting, waitingHint),
  neutral: ({ inactive, inactiveHint }) => neutralSaid(inactive, inactiveHint),
  nothing: ({ inactive, nothing }) => neutralSaid(inactive, nothing),
} satisfies Record<string, Say>;

// Distinct Accept-Language headers are few; a stranger who sends many costs no more than this.
const mostHeaders = 200;

/** The answers a callback can get. Those without a value of the request in them are made once for each language. */
export class Pages {
  readonly #options: PagesOptions;
  readonly #made: Record<string, Partial<Record<Language, Answer>>> = {};
  readonly #languages = new Map<string, Language>();
  #texts: Readonly<Partial<Record<Language, Texts>>> = {};

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  languageFor(header: string | undefined): Language {
    const { language } = this.#options;
    if (language !== 'auto') return language;
    if (header === undefined) return 'en';
    let chosen = this.#languages.get(header);
    if (chosen === undefined) {
      chosen = chooseLanguage(header);
      if (this.#languages.size >= mostHeaders) this.#languages.clear();
      this.#languages.set(header, chosen);
    }
    return chosen;
  }

  /** Speaks other languages than English from here on. */
  learn(translations: Readonly<Partial<Record<Language, Texts>>>): void {
    this.#texts = translations;
  }

  /** The response was accepted. How the sign-in ends, only the app knows. */
  received(language: Language): Answer {
    return this.#once('received', language, 200, says.received);
  }

  /** The app has said that the sign-in succeeded. */
  succeeded(language: Language): Answer {
    return this.#once('succeeded', language, 200, says.succeeded);
  }

  /** The app was waited for, and has not said how the sign-in ended. */
  undecided(language: Language): Answer {
    return this.#once('undecided', language, 200, says.undecided);
  }

  /** The provider's error. Its description is shown escaped, and of an accepted response only. */
  denied(response: CallbackResponse, language: Language): Answer {
    const { error, error_description } = response;
    return this.#make(400, language, ({ failure, denied, failed }) => ({
      kind: 'failure',
      headline: failure,
      detail: error === 'access_denied' ? denied : fill(failed, error_description ?? error ?? ''),
    }));
  }

  /** The app has said that the sign-in failed. */
  failed(message: string, language: Language): Answer {
    return this.#make(200, language, ({ failure }) => ({
      kind: 'failure',
      headline: failure,
      detail: escapeHtml(message),
    }));
  }

  /** For everything that was not accepted: one page, whatever the reason, so that it tells a stranger nothing. */
  neutral(status: number, language: Language, ...extra: string[]): Answer {
    return this.#once(['neutral', status, ...extra].join(' '), language, status, says.neutral, extra);
  }

  /** For a request without any parameter: what was meant for us may stand behind a # that no browser sends. */
  nothing(language: Language): Answer {
    return this.#once('nothing', language, 400, says.nothing);
  }

  /** The store is away: whose the redirect is, nobody can say. It changed nothing that is known of, and may be sent again. */
  unavailable(language: Language, [headline, hint]: readonly [string, string]): Answer {
    return this.#once('unavailable', language, 503, () => neutralSaid(headline, hint), ['Retry-After', '2']);
  }

  /** A 303, so that a form_post is followed by a GET without its body. @see RFC 9700 section 4.12 */
  redirect(location: string): Answer {
    return this.#empty(303, 'Location', location);
  }

  /** Answers a self-probe. */
  probed(proof: string): Answer {
    return this.#empty(204, probeHeader, proof);
  }

  #empty(status: number, ...headers: string[]): Answer {
    return {
      status,
      headers: [...pageHeaders(''), ...this.#options.extraHeaders, ...headers],
      body: Buffer.alloc(0),
    };
  }

  #once(name: string, language: Language, status: number, say: Say, extra?: string[]): Answer {
    const inLanguages = (this.#made[name] ??= {});
    return (inLanguages[language] ??= this.#make(status, language, say, extra));
  }

  #make(status: number, language: Language, say: Say, extra: string[] = []): Answer {
    const { title, serverUrl, productName, logo, cleanUrl, extraHeaders } = this.#options;
    const texts = this.#texts[language] ?? english;
    const view: PageView = {
      ...say(texts, serverUrl && fill(texts.connected, serverUrl)),
      language,
      title: escapeHtml(title),
      productName: productName && escapeHtml(productName),
      logo: logo && escapeHtml(logo),
      note: texts.close,
    };
    const html = this.#render(view, cleanUrl === 'script' ? cleanUrlElement : '');
    const body = Buffer.from(html);
    return {
      status,
      headers: [...pageHeaders(html), 'Content-Length', String(body.length), ...extraHeaders, ...extra],
      body,
    };
  }

  #render(view: PageView, script: string): string {
    const { render, report } = this.#options;
    if (!render) return renderPage(view, script);
    try {
      const own: unknown = render(view);
      if (typeof own === 'string') return own + script;
      // That of an async function must not end the process by its rejection either.
      if (own instanceof Promise) own.catch(report);
      throw new InvalidOptionError('render', `must return a string, got ${typeof own}`);
    } catch (error) {
      report(error);
    }
    return renderPage(view, script);
  }
}

function neutralSaid(headline: string, message: string): Said {
  return { kind: 'neutral', headline, message };
}
