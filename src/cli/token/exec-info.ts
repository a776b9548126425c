import { show } from '../../base/validate.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

const variable = 'KUBERNETES_EXEC_INFO';
const group = 'client.authentication.k8s.io';
/** API versions of an ExecCredential. Its status is the same in each. */
const versions: readonly unknown[] = [`${group}/v1`, `${group}/v1beta1`];

/**
 * Gives the API version that kubectl asks for in its variable, because it accepts no other one; the newest if it asks for none.
 * Throws `CommandError` for an unknown one.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
 */
export function askedVersion(env: Io['env']): unknown {
  const text = env[variable];
  if (!text) return versions[0];
  const asked = versionIn(text);
  if (versions.includes(asked)) return asked;
  throw new CommandError(
    `${variable} must ask for ${versions.join(' or ')}; got ${asked === undefined ? 'no apiVersion' : show(asked)}`,
    exitCodes.usage,
  );
}

function versionIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { apiVersion?: unknown } | null)?.apiVersion;
  } catch {
    return undefined;
  }
}
