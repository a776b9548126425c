/** `npm run reference` writes what docs/reference has from the code; `npm run settings` only what it has from the command. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiFolder, writeApi } from './api.ts';
import { compare, root } from './documents.ts';
import { documents, ofCommand } from './reference.ts';

const onlyCommand = process.argv.includes('--command');
for (const document of onlyCommand ? ofCommand : documents) {
  const { mustBe } = await compare(document);
  writeFileSync(join(root, document.path), mustBe);
}

if (!onlyCommand) {
  for (const warning of await writeApi(apiFolder)) {
    console.error(warning);
    process.exitCode = 1;
  }
}
