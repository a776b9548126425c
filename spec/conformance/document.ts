/** The catalogue as the document docs/reference/requirements.md. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cell, table, withPart, type Document } from '../../tools/documents.ts';
import { catalogue, subjects } from './catalogue.ts';
import type { Requirement, Subject } from './requirement.ts';

export const document: Document = {
  path: 'docs/reference/requirements.md',
  render: async (text) => withPart(text, 'requirements', await requirementTables()),
};

/** Renders a heading and a table for each subject. */
async function requirementTables(): Promise<string> {
  const files = await filesOf(subjects);
  const sections = subjects.map((subject) => {
    const rows = subject.requirements.map((requirement) => [
      `<a id="${requirement.id.toLowerCase()}"></a>${requirement.id}`,
      cell([requirement.demand, ...noteOf(requirement)].join(' ')),
      cell(requirement.source),
      standingOf(requirement),
      proofsOf(requirement, files),
    ]);
    return `## ${subject.title}\n\n${table(['Id', 'Demand', 'Source', 'Standing', 'Shown by'], rows)}`;
  });
  return sections.join('\n\n');
}

function noteOf({ note }: Requirement): string[] {
  return note === undefined ? [] : [`(${note.charAt(0).toUpperCase()}${note.slice(1)}.)`];
}

function standingOf({ absent, scope }: Requirement): string {
  if (absent !== undefined) return cell(`Does not apply: ${absent}.`);
  return scope === undefined ? 'Holds' : `Holds for ${scope === 'loopback' ? 'loopback' : 'services'}`;
}

/** Names the spec files whose tests begin with the id, and the number of the twins that its own checks reject. */
function proofsOf(requirement: Requirement, files: ReadonlyMap<Requirement, string>): string {
  const { id, checks, provenIn = [] } = requirement;
  const provers = catalogue.filter((each) =>
    each.checks.some(({ options }) => each.id === id || options.also?.includes(id)),
  );
  const twins = checks.flatMap((check) => check.twins).length;
  const named = [...provers.map((each) => files.get(each) ?? ''), ...provenIn.map(pathOf)];
  return [
    ...[...new Set(named)].map((path) => `\`${path}\``),
    ...(twins > 0 ? [`${twins} ${twins === 1 ? 'twin' : 'twins'}`] : []),
  ].join(', ');
}

const specFiles = readdirSync(join(import.meta.dirname, '..'), { recursive: true, encoding: 'utf8' });

/** Path of a spec file that a requirement names by the end of its path. */
function pathOf(end: string): string {
  return `spec/${specFiles.find((path) => `/${path}`.endsWith(`/${end}`)) ?? end}`;
}

/** Spec file of each requirement with checks, found by the module that exports its subject. */
async function filesOf(all: readonly Subject[]): Promise<Map<Requirement, string>> {
  const files = new Map<Requirement, string>();
  for (const name of readdirSync(import.meta.dirname)) {
    if (!/^[\w-]+\.ts$/.test(name) || name.endsWith('-child.ts')) continue;
    const { requirements } = (await import(join(import.meta.dirname, name))) as { requirements?: Subject };
    if (!requirements || !all.includes(requirements)) continue;
    const spec = `spec/conformance/${name.replace(/\.ts$/, '.spec.ts')}`;
    for (const requirement of requirements.requirements) files.set(requirement, spec);
  }
  return files;
}
