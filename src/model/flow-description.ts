import { InvalidOptionError } from '../base/invalid-option.ts';
import { typeOf } from '../base/validate.ts';

/** Names of what a flow signs in to. They are shown to people, and no check depends on them. */
export interface FlowDescription {
  /** Name for operators, in events and on the monitor page. */
  readonly label?: string | undefined;
  /** Server that the page of the flow names. */
  readonly serverUrl?: string | undefined;
}

const maxServerUrl = 2_048;

// Format characters can reorder or hide the text around them. The two joiners only shape words and emojis. One character at least
// must be seen.
const labelForm =
  /^(?=.*[^\s\p{Default_Ignorable_Code_Point}])(?:[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[\u200c\u200d]){1,100}$/u;

/**
 * Reads the description from the options of `begin`. Returns undefined if there is none.
 *
 * @throws InvalidOptionError if a text cannot be shown. The message does not repeat it.
 */
export function readDescription({ label, serverUrl }: FlowDescription): FlowDescription | undefined {
  if (label === undefined && serverUrl === undefined) return undefined;
  if (label !== undefined && !(typeof label === 'string' && labelForm.test(label)))
    throw new InvalidOptionError(
      'label',
      `must be a line of 1 to 100 characters without control characters; got ${typeOf(label)}`,
    );
  if (serverUrl !== undefined && !isServerUrl(serverUrl))
    throw new InvalidOptionError(
      'serverUrl',
      `must be an http or https URL without spaces and user, of at most ${maxServerUrl} characters; got ${typeOf(serverUrl)}`,
    );
  return { label, serverUrl };
}

/** Returns the member `label` of an event about a flow, if the flow has one. */
export function labelOf(description: FlowDescription | undefined): { label?: string } {
  return description?.label === undefined ? {} : { label: description.label };
}

function isServerUrl(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > maxServerUrl || !/^https?:\/\/[^\s\p{C}\\]+$/iu.test(value))
    return false;
  if (!URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}
