/** The built site of the documents: its pages, and what they refer to. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Texts of the pages, and undefined for any other file, by their paths in the site. */
export type Site = ReadonlyMap<string, string | undefined>;

export function readSite(folder: string): Site {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [`/${relative(folder, file)}`, name.endsWith('.html') ? readFileSync(file, 'utf8') : undefined];
    }),
  );
}

/** Returns a complaint for each reference within the site that leads nowhere. */
export function brokenReferences(site: Site): string[] {
  return [...site].flatMap(([path, html]) =>
    html === undefined
      ? []
      : referencesIn(html).flatMap(({ target }) => {
          if (/^[a-z][a-z\d+.-]*:/i.test(target)) return [];
          const { pathname, hash } = new URL(target, `http://site${path}`);
          const page = pageAt(site, decodeURIComponent(pathname));
          if (page === undefined) return [`${path} refers to ${target}, which is not there`];
          const id = decodeURIComponent(hash.slice(1));
          const found = id === '' || idsIn(site.get(page) ?? '').has(id);
          return found ? [] : [`${path} refers to ${target}, but the page has no such id`];
        }),
  );
}

/** Returns a complaint for each script, style, font or image of another origin. */
export function foreignParts(site: Site): string[] {
  return [...site].flatMap(([path, html = '']) =>
    referencesIn(html).flatMap(({ element, target }) =>
      element !== 'a' && /^(?:https?:)?\/\//i.test(target) ? [`${path} loads ${target}`] : [],
    ),
  );
}

function referencesIn(html: string): { element: string; target: string }[] {
  return [...html.matchAll(/<(\w+)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(
    ([, element = '', target = '']) => ({
      element,
      target: target.replaceAll('&amp;', '&'),
    }),
  );
}

function pageAt(site: Site, path: string): string | undefined {
  return [path, `${path}.html`, `${path.replace(/\/$/, '')}/index.html`].find((each) => site.has(each));
}

const known = new Map<string, Set<string>>();

function idsIn(html: string): Set<string> {
  const ids = known.get(html) ?? new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id = '']) => id));
  known.set(html, ids);
  return ids;
}
