/**
 * Chromium with the tabs of one window, of which only one is in front. Playwright tells every page that it is in front, so this speaks the
 * DevTools protocol itself.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { WebSocket } from 'ws';
import { deadline } from '../helpers/assert.ts';
import { executablePath, flags, noChromium } from './chromium.ts';

interface Message {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

interface Target {
  readonly targetId: string;
  readonly url: string;
  readonly title: string;
}

type Send = (
  method: string,
  params?: object,
  sessionId?: string,
) => Promise<Readonly<Record<string, unknown>>>;

export class WindowOfTabs implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, null, Readable>;
  readonly #profile: string;
  readonly #closed: Promise<unknown>;
  readonly #answers = new Map<number, (message: Message) => void>();
  #socket: WebSocket | undefined;

  private constructor() {
    if (executablePath === undefined) throw new Error(noChromium);
    this.#profile = mkdtempSync(join(tmpdir(), 'window-'));
    const own = ['--remote-debugging-port=0', `--user-data-dir=${this.#profile}`];
    // An expression that waits in a page that was kept for "back" would wait for ever.
    const kept = '--disable-features=BackForwardCache';
    this.#child = spawn(executablePath, [...flags, ...own, kept, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
  }

  static async open(): Promise<WindowOfTabs> {
    const window = new WindowOfTabs();
    try {
      await deadline(window.#connect(), 'Chromium');
      return window;
    } catch (error) {
      await window[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a tab in front of the others. */
  async tab(url: string): Promise<WindowTab> {
    const { targetId } = await this.#send('Target.createTarget', { url });
    return this.#attach(targetId as string);
  }

  /** Attaches to the tab in which a page has opened a URL that begins so. */
  async tabAt(url: string): Promise<WindowTab> {
    for (;;) {
      const target = (await this.#targets()).find((each) => each.url.startsWith(url));
      if (target) return this.#attach(target.targetId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.terminate();
    this.#child.kill('SIGKILL');
    await this.#closed;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #connect(): Promise<void> {
    const url = await this.#address();
    this.#socket = new WebSocket(url);
    this.#socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.id !== undefined) this.#answers.get(message.id)?.(message);
    });
    await once(this.#socket, 'open');
  }

  async #address(): Promise<string> {
    for await (const line of createInterface(this.#child.stderr)) {
      const url = /^DevTools listening on (\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      this.#child.stderr.resume();
      return url;
    }
    throw new Error('Chromium ended');
  }

  readonly #send: Send = async (method, params = {}, sessionId) => {
    const id = this.#answers.size + 1;
    const answered = new Promise<Message>((resolve) => this.#answers.set(id, resolve));
    this.#socket?.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const { result, error } = await deadline(answered, method);
    if (!result) throw new Error(`${method}: ${error?.message}`);
    return result;
  };

  async #targets(): Promise<Target[]> {
    return (await this.#send('Target.getTargets'))['targetInfos'] as Target[];
  }

  async #attach(targetId: string): Promise<WindowTab> {
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true });
    const title = async (): Promise<string> =>
      (await this.#targets()).find((each) => each.targetId === targetId)?.title ?? '';
    return new WindowTab(targetId, title, (method, params) =>
      this.#send(method, params, sessionId as string),
    );
  }
}

export class WindowTab {
  readonly #targetId: string;
  readonly #send: Send;
  /** Title that the user sees on the tab, also while its page does nothing. */
  readonly title: () => Promise<string>;

  constructor(targetId: string, title: () => Promise<string>, send: Send) {
    this.#targetId = targetId;
    this.title = title;
    this.#send = send;
  }

  /** Resolves with the value of an expression, which counts as an action of the user. */
  async value(expression: string): Promise<unknown> {
    const options = { expression, userGesture: true, awaitPromise: true, returnByValue: true };
    return ((await this.#send('Runtime.evaluate', options))['result'] as { value?: unknown }).value;
  }

  /** Resolves once an expression is true. It looks whenever the document has changed, or is another one. */
  async until(expression: string): Promise<void> {
    const isTrue = `new Promise((resolve) => {
      const look = () => ${expression} && resolve(true);
      const all = { subtree: true, childList: true, attributes: true, characterData: true };
      new MutationObserver(look).observe(document, all);
      addEventListener('load', look);
      look();
    })`;
    const gone = (error: Error): undefined => {
      if (!/context|navigated/.test(error.message)) throw error;
    };
    while ((await this.value(isTrue).catch(gone)) !== true);
  }

  /** Stops the page, as a browser does with a tab that was left. */
  async freeze(): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  /** Comes to the front, and goes on. */
  async bringToFront(): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state: 'active' });
    await this.#send('Target.activateTarget', { targetId: this.#targetId });
  }
}
