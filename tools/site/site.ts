/** The documents as a site: which pages it has, and where their links lead. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { DefaultTheme, MarkdownRenderer, UserConfig } from 'vitepress';
import { slugOf } from '../slug.ts';

export const root = join(import.meta.dirname, '..', '..');
const { name, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  description: string;
};

/** Path of a page in the site; the folder `docs` is left out. */
export function pageOf(path: string): string {
  return path.replace(/^docs\//, '');
}

/**
 * Returns where a link of a document leads in the site, or undefined if it leads to a file that is no document.
 *
 * @param from Path of the document, from the root of the repository.
 */
export function targetOf(from: string, href: string): string | undefined {
  if (/^(?:[a-z][a-z\d+.-]*:|#)/i.test(href)) return href;
  const [file = '', anchor] = href.split('#');
  const path = relative(root, join(root, dirname(from), file));
  if (!path.endsWith('.md')) return undefined;
  return `/${pageOf(path).replace(/\.md$/, '')}${anchor === undefined ? '' : `#${anchor}`}`;
}

/** Rewrites the links of a page while it is rendered. */
function rewriteLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('documents', ({ tokens, env }) => {
    // The search index, which has no links, is rendered without it.
    const { realPath } = env as { realPath?: string };
    if (realPath === undefined) return;
    const from = relative(root, realPath);
    for (const { children } of tokens) {
      let isText = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const target = targetOf(from, token.attrGet('href') ?? '');
          isText = target === undefined;
          if (target !== undefined) token.attrSet('href', target);
        }
        // A file of the repository that the site does not have.
        if (isText && token.type.startsWith('link_')) {
          token.tag = 'span';
          token.attrs = [];
        }
        if (token.type === 'link_close') isText = false;
      }
    }
  });
}

/** Guides in the order of the sidebar; others follow. */
const guides = [
  'many-sign-ins',
  'pipelines',
  'tokens',
  'mcp',
  'remote-listeners',
  'operator-page',
  'many-nodes',
  'frameworks',
  'deploying',
  'coming-from',
  'troubleshooting',
];
const reference = ['options', 'settings', 'cli', 'response', 'events', 'dispositions', 'errors', 'metrics'];

/** Returns the items of a folder's documents, those that are named first. */
function itemsOf(folder: string, first: readonly string[]): DefaultTheme.SidebarItem[] {
  const place = (file: string): number => (first.includes(file) ? first.indexOf(file) : first.length);
  const files = readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.replace(/\.md$/, ''))
    .sort((one, other) => place(one) - place(other) || (one < other ? -1 : 1));
  return files.map((file) => itemOf(join(folder, `${file}.md`)));
}

/** Returns an item with the title of a document as its text. */
function itemOf(path: string): DefaultTheme.SidebarItem {
  const [, title = path] = /^# (.*)$/m.exec(readFileSync(join(root, path), 'utf8')) ?? [];
  return {
    text: title.replaceAll('`', ''),
    link: `/${pageOf(path).replace(/(?:(?<=^|\/)index)?\.md$/, '')}`,
  };
}

const present = (path: string): boolean => existsSync(join(root, path));

const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: 'Start',
    items: ['docs/index.md', 'docs/get-started.md', 'docs/concepts.md', 'docs/comparison.md']
      .filter(present)
      .map(itemOf),
  },
  { text: 'Guides', items: itemsOf('docs/guides', guides) },
  { text: 'Reference', items: itemsOf('docs/reference', reference) },
  {
    text: 'API',
    collapsed: true,
    items: [
      itemOf('docs/reference/api/rx-oauth-callback.md'),
      ...itemsOf('docs/reference/api/rx-oauth-callback', []),
    ],
  },
  {
    text: 'More',
    items: ['PROTOCOL.md', 'SECURITY.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].filter(present).map(itemOf),
  },
];

export const config: UserConfig<DefaultTheme.Config> = {
  title: name,
  description,
  srcDir: root,
  srcExclude: ['artifacts/**', 'dist/**', 'examples/**', 'spec/fixtures/**'],
  rewrites: pageOf,
  outDir: join(root, 'artifacts', 'site'),
  cacheDir: join(root, 'artifacts', 'site-cache'),
  ignoreDeadLinks: false,
  lastUpdated: false,
  markdown: { anchor: { slugify: slugOf }, config: rewriteLinks },
  themeConfig: {
    sidebar,
    nav: [
      { text: 'Get started', link: '/get-started' },
      { text: 'Protocol', link: '/PROTOCOL' },
      { text: 'Security', link: '/SECURITY' },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
  },
  // The search index is one chunk.
  vite: { clearScreen: false, build: { chunkSizeWarningLimit: 5_000 } },
};
