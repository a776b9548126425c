import type { FlowIndex } from '../flows/flow-index.ts';
import type { FoundLink } from '../model/start-link.ts';
import type { Pages } from '../page/answers.ts';
import type { Language } from '../page/texts.ts';
import type { BrowserCookies } from './browser-cookies.ts';
import type { FlowsElsewhere } from './flows-elsewhere.ts';
import type { Answered, Undecided } from './handled.ts';
import { decideStart, type StartDecision, type StartRequest } from './start.ts';

/** Parts of a server that lead browsers to the authorization server. */
export interface StartingOptions {
  readonly flows: Pick<FlowIndex, 'startLink' | 'now'>;
  /** Returns the flows in the store, if there is one. */
  readonly stored: () => Pick<FlowsElsewhere, 'startLink'> | undefined;
  readonly pages: Pages;
  readonly cookies: BrowserCookies;
  /** Tells if pages of the server have this origin. */
  readonly isOwnOrigin: (origin: string) => boolean;
}

/** Answers requests for start URLs: binds the browser to the flow, and leads it to the authorization server. */
export class Starting {
  readonly #options: StartingOptions;

  constructor(options: StartingOptions) {
    this.#options = options;
  }

  start(request: StartRequest, language: Language): Undecided {
    return {
      kind: 'undecided',
      answer: this.#options.pages.other('unavailable', language),
      later: this.#start(request, language),
    };
  }

  async #start(request: StartRequest, language: Language): Promise<Answered> {
    const { flows, stored, pages } = this.#options;
    const { startId } = request;
    const found = flows.startLink(startId) ?? (await stored()?.startLink(startId));
    if (!found) return { kind: 'answered', answer: pages.neutral(404, language) };
    const decision = await this.#decide(found, request);
    return { kind: 'answered', answer: this.#answer(decision, found, request, language) };
  }

  /** Decides on the request. Of two browsers, only the first one that asks is bound. */
  async #decide(found: FoundLink, request: StartRequest): Promise<StartDecision> {
    const { cookies, isOwnOrigin } = this.#options;
    const known = cookies.valueOf(request.headers.cookie, found.link.state);
    const decision = decideStart(found, request, known, isOwnOrigin);
    return decision === 'bind' && !(await found.use()) ? 'otherBrowser' : decision;
  }

  #answer(
    decision: StartDecision,
    found: FoundLink,
    { headers }: StartRequest,
    language: Language,
  ): Answered['answer'] {
    const { pages, cookies, flows } = this.#options;
    const { url, program } = found.link;
    switch (decision) {
      case 'lead':
        return pages.redirect(url);
      case 'bind':
        return pages.redirect(url, ...cookies.set(headers.cookie, found, flows.now()));
      case 'ask':
        return pages.consent(program, new URL(url).host, language);
      case 'otherBrowser':
        return pages.other('otherBrowser', language);
      case 'refused':
        return pages.neutral(403, language);
    }
  }
}
