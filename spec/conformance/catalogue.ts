/** B: everywhere. L: on loopback. S: in a shared service. */
export type Mode = 'B' | 'L' | 'S';

/** One row of the requirements on the callback endpoint. */
export interface Requirement {
  /** `A-01`. */
  id: string;
  mode: Mode;
  /** Why it does not apply to this release. */
  absent?: string;
  /** What of it was decided otherwise, or comes later. */
  note?: string;
}

/** The mode of each row, in order. */
const modes: Readonly<Record<string, string>> = {
  A: 'BBBBBBBBBBBB',
  B: 'BBBBBBBBBBBBB',
  C: 'BBBBBBBBBBBB',
  D: 'BBBBB',
  E: 'LLLLLLLBL',
  F: 'BBBBBBBBBBBBBBS',
  G: 'BBBBBBBBBBBBBL',
  H: 'BBBB',
  I: 'BBBS',
  J: 'BBBBBBBBB',
  K: 'BBBBBBBBBBBBBBBBB',
};

const absences: Readonly<Record<string, string>> = {};

const notes: Readonly<Record<string, string>> = {
  'A-11': 'the page for a redirect without parameters is the neutral one, without a word on fragments',
  'B-10': 'decided: every subscriber of a flow gets the response, until the deadline of the flow',
  'B-11': 'decided: in process the stream carries the code; events, log and printing do not',
  'B-13':
    'decided: every subscriber of a flow gets the response; issuer and context are those of its begin()',
  'C-07': 'decided: JARM is refused',
  'C-11': 'decided: JARM is refused',
  'C-12': 'decided: JARM is refused',
  'E-05':
    'decided: a server stays until it is closed; for that of one sign-in see spec/login/sign-in.spec.ts',
  'E-09':
    'the core opens no browser, and makes no URL to open but of http and https; for the one that the command opens see spec/cli/login.spec.ts',
  'F-15': 'the core reads no forwarding header; those of a known proxy come with the cluster',
  'H-01': 'metrics, traces and the command are searched by spec/telemetry and spec/cli',
  'H-04': 'bounds for each tenant come with the cluster',
  'J-07': 'there is no first-message authentication: nobody is connected without a credential',
  'I-04': 'the core has no such endpoint; those of serve are tried by spec/telemetry/operator.spec.ts',
};

/** Every row of the groups A to K. */
export const catalogue: readonly Requirement[] = Object.entries(modes).flatMap(([group, letters]) =>
  Array.from(letters).map((letter, index) =>
    requirement(`${group}-${String(index + 1).padStart(2, '0')}`, letter as Mode),
  ),
);

function requirement(id: string, mode: Mode): Requirement {
  const absent = absences[id];
  const note = notes[id];
  return { id, mode, ...(absent && { absent }), ...(note && { note }) };
}
