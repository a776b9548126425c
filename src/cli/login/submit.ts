import { paste } from '../../login/paste.ts';
import { submitPasted, type PasteTarget } from '../../login/pasted-response.ts';
import type { OAuthCallbackServer } from '../../server/callback-server.ts';
import { refusal } from './texts.ts';

/** Submits a pasted response. Resolves with the complaint to show; undefined if the response was accepted. */
export type Submit = (
  pasted: string,
  target: PasteTarget,
  signal: AbortSignal,
) => Promise<string | undefined>;

/** Creates the function that submits to the server here. */
export function submitTo(local: OAuthCallbackServer): Submit {
  return async (pasted, target) => {
    const redirect = await paste(local, pasted, target);
    return redirect.disposition === 'accepted' ? undefined : refusal(redirect);
  };
}

/** Submits to a remote service, over which the bridge needs no message for codes. */
export const submitElsewhere: Submit = async (pasted, target, signal) => {
  const submitted = await submitPasted(pasted, target, signal);
  switch (submitted.type) {
    case 'taken':
      return undefined;
    case 'refused':
      return refusal(submitted.refused);
    case 'rejected':
      return `${submitted.origin} rejected the pasted response (${submitted.status}).`;
    case 'unreachable': {
      const { code } = (submitted.cause ?? {}) as NodeJS.ErrnoException;
      return `${submitted.origin} cannot be reached from here${code === undefined ? '' : ` (${code})`}.`;
    }
  }
};
