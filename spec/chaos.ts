/** `npm run chaos -- NAME`: runs a chaos program at full count, or lists their names. The suite runs a twentieth of each. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { chaosPrograms } from './helpers/chaos.ts';

const [name] = process.argv.slice(2);
const file = name !== undefined && Object.hasOwn(chaosPrograms, name) ? chaosPrograms[name] : undefined;
if (file === undefined) {
  const names = Object.keys(chaosPrograms).join(', ');
  console.error(
    name === undefined
      ? `Chaos programs: ${names}`
      : `There is no chaos program "${name}"; there are ${names}`,
  );
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const args = ['--expose-gc', '--import', 'tsx', join(import.meta.dirname, file)];
  const child = spawn(process.execPath, args, { env: { ...process.env, CHAOS: 'full' }, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
