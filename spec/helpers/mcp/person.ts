/** A person whose browser opens the URLs of sign-ins, and follows them to the page of the callback. */
import { Browser, type Page } from '../../../src/testing/browser.ts';

export interface PersonOptions {
  /** Awaited before a URL is visited, so that a spec decides how long the person takes. @default at once */
  before?: (url: URL) => Promise<unknown>;
}

export class Person {
  /** URLs opened so far, in order: one for each tab. */
  readonly tabs: URL[] = [];
  /** Servers that the tabs were opened for. */
  readonly servers: (string | undefined)[] = [];
  /** Largest number of tabs that were open at a time, from the opening until the last page. */
  mostAtOnce = 0;
  readonly #before: (url: URL) => Promise<unknown>;
  readonly #pages: Promise<Page>[] = [];
  #atOnce = 0;

  constructor({ before = () => Promise.resolve() }: PersonOptions = {}) {
    this.#before = before;
  }

  /** Opens a tab. Bound, so that it can be an option `open`. */
  readonly open = (url: URL, server?: string): void => {
    this.tabs.push(url);
    this.servers.push(server);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    const page = this.#visit(url);
    // A tab that fails is reported by `pages()`, and must not end the process before that.
    page.catch(() => undefined);
    this.#pages.push(page);
  };

  /** Resolves with the last page of each tab. */
  pages(): Promise<Page[]> {
    return Promise.all(this.#pages);
  }

  async #visit(url: URL): Promise<Page> {
    try {
      await this.#before(url);
      // Each tab has its own cookies: the servers of a world are one host, whose cookies a browser would mix.
      return await new Browser().open(url);
    } finally {
      this.#atOnce--;
    }
  }
}
