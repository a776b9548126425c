import { detach } from '../base/detach.ts';
import type { Parameter, ResponseFields } from '../model/callback-response.ts';

/** Bounds on the parameters of a response. */
export interface ParameterLimits {
  /** Maximum length of a name and of a decoded value, in characters. */
  parameter: number;
  /** Maximum number of parameters beside those of an authorization response. */
  parameters: number;
}

// They are part of one message of the bridge, of at most 262,144 bytes; the other half is for the parameters of OAuth.
const maxBytes = 131_072;

/** Collects the parameters of a response that only its provider knows. None of them makes the response invalid. */
export class OtherParameters {
  readonly #limits: ParameterLimits;
  #kept: Parameter[] | undefined;
  #dropped = 0;
  #bytes = 0;

  constructor(limits: ParameterLimits) {
    this.#limits = limits;
  }

  /** Adds a pair as it was sent, or counts it as dropped. */
  add(encodedName: string, encodedValue: string): void {
    const { parameter, parameters } = this.#limits;
    const kept = (this.#kept ??= []);
    if (kept.length < parameters) {
      const name = decodeWithReplacement(encodedName);
      const value = decodeWithReplacement(encodedValue);
      if (name.length <= parameter && value.length <= parameter && this.#fits([name, value])) {
        kept.push([detach(name), detach(value)]);
        return;
      }
    }
    this.#dropped++;
  }

  /** Counts the bytes of a pair as JSON, which has six for a control character, if there is room for them. */
  #fits(pair: Parameter): boolean {
    const bytes = Buffer.byteLength(JSON.stringify(pair));
    if (this.#bytes + bytes > maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Returns the members of a response that tell of them, if there were any. */
  get fields(): Pick<ResponseFields, 'parameters' | 'droppedParameters'> {
    return {
      ...(this.#kept && this.#kept.length > 0 && { parameters: this.#kept }),
      ...(this.#dropped > 0 && { droppedParameters: this.#dropped }),
    };
  }
}

/** Decodes a text as far as it can be: bytes that are not UTF-8 become U+FFFD, and a `%` without two digits stays. */
export function decodeWithReplacement(text: string): string {
  // Node hands over a byte that is not escaped as one character.
  return text.replaceAll('+', ' ').replace(/(?:%[\da-f]{2}|[\x80-\xff])+/gi, (bytes) => {
    const hex = bytes.replace(/%|[\x80-\xff]/g, (one) => (one === '%' ? '' : one.charCodeAt(0).toString(16)));
    return Buffer.from(hex, 'hex').toString();
  });
}
